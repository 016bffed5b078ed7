"""Workflows of a video: MakeVideo, and MakeScene for each of its shots.

Workflow code is deterministic and does no I/O: the activities read and write the documents. The engine keeps ids alone.
"""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from resonance.durable.activities import Failure, read_failure
    from resonance.durable.policies import activity_options, raise_if_cancelled
    from resonance_video.work import CPU_TASK_QUEUE, MAKE_SCENE, MAKE_VIDEO

Argument = dict[str, str]
_QUICK = activity_options(one_try_s=60.0)
_FETCH = activity_options(one_try_s=900.0)
_LISTEN = activity_options(one_try_s=900.0)
_SCENE = activity_options(one_try_s=1800.0)
_ASSEMBLE = activity_options(one_try_s=1800.0)
_STOPPED = "VIDEO_STOPPED"


@workflow.defn(name=MAKE_VIDEO)
class MakeVideo:
    """Makes one video until its document asks for nothing more. The signal `changed` says that the document has changed."""

    def __init__(self) -> None:
        self._changes = 0

    @workflow.signal
    def changed(self) -> None:
        """A scene is to be redone, another version was chosen, or the plan was changed or accepted."""
        self._changes += 1

    @workflow.run
    async def run(self, argument: Argument) -> None:
        """`argument` has `video_id` and `owner`."""
        is_complete = False
        while not is_complete:
            seen = self._changes
            try:
                is_complete = await self._make(argument) and seen == self._changes
            except FailureError as error:
                if is_cancelled_exception(error):
                    await _run_activity("video_cancel", argument)
                    raise
                failure = read_failure(error)
                if failure.reason != _STOPPED:
                    await _run_activity("video_fail", argument | _fault(failure))
                is_complete = seen == self._changes
            except asyncio.CancelledError:
                await _run_activity("video_cancel", argument)
                raise

    async def _make(self, argument: Argument) -> bool:
        """One pass over everything that is missing. True where nothing is left to do."""
        await workflow.execute_activity("video_fetch_song", argument, **_FETCH)
        raise_if_cancelled()
        await workflow.execute_activity("video_listen", argument, task_queue=CPU_TASK_QUEUE, **_LISTEN)
        raise_if_cancelled()
        await _run_activity("video_write", argument)
        raise_if_cancelled()
        tasks: list[Argument] = await workflow.execute_activity("video_plan", argument, result_type=list, **_QUICK)
        raise_if_cancelled()
        await _make_scenes(argument, tasks)
        raise_if_cancelled()
        for aspect in argument["aspects"].split(","):
            film = argument | {"aspect": aspect}
            await workflow.execute_activity("video_assemble", film, task_queue=CPU_TASK_QUEUE, **_ASSEMBLE)
            raise_if_cancelled()
        return bool(await _run_activity("video_complete", argument))


@workflow.defn(name=MAKE_SCENE)
class MakeScene:
    """Makes one version of one shot's scene, apart from all others: it is retried alone and fails alone."""

    @workflow.run
    async def run(self, argument: Argument) -> None:
        """`argument` has `video_id`, `owner`, `shot_id` and `version`."""
        try:
            await workflow.execute_activity("video_make_scene", argument, task_queue=CPU_TASK_QUEUE, **_SCENE)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            failure = read_failure(error)
            if failure.reason != _STOPPED:
                await _run_activity("video_fail_scene", argument | _fault(failure))
            raise ApplicationError(
                failure.message,
                type=failure.reason,
                non_retryable=True,
                category=ApplicationErrorCategory.BENIGN,  # it stands in the document; the library would print a traceback
            ) from error


async def _make_scenes(argument: Argument, tasks: list[Argument]) -> None:
    """Makes all scenes side by side. One that fails stops no other; then the first failure is raised."""
    children = [
        workflow.execute_child_workflow(
            MAKE_SCENE,
            argument | task,
            id=f"{argument['video_id']}/{task['shot_id']}/{task['version']}",
        )
        for task in tasks
    ]
    results = await asyncio.gather(*children, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _run_activity(name: str, argument: Argument) -> object:
    return await workflow.execute_activity(name, argument, **_QUICK)


def _fault(failure: Failure) -> Argument:
    return {"reason": failure.reason, "message": failure.message[:500]}
