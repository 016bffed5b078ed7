"""Workflows of ingest: MakeTaste, and SweepObjects every hour.

Workflow code is deterministic and does no I/O: the activities read and write the documents. The engine keeps ids alone.
"""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from resonance.durable.activities import read_failure
    from resonance.durable.policies import activity_options, raise_if_cancelled
    from resonance_ingest.work import EXTRACTION_TASK_QUEUE, MAKE_TASTE, SWEEP, TRACKS_TASK_QUEUE

Argument = dict[str, str]
# One track is decoded while the next one is downloaded.
AT_ONCE = 2
_DAY_S = 24 * 3600.0
_DOCUMENT = activity_options(one_try_s=600.0)
_TRACK = activity_options(one_try_s=3600.0, all_tries_s=30 * _DAY_S)
# A playlist waits while `extract` is away, or has other work.
_EXTRACTION = activity_options(one_try_s=_DAY_S, all_tries_s=30 * _DAY_S)
_STOPPED = "JOB_STOPPED"


@workflow.defn(name=MAKE_TASTE)
class MakeTaste:
    """Makes the taste of one playlist: its list, each track, the extraction."""

    @workflow.signal
    def changed(self) -> None:
        """The job was submitted again, which changes nothing: its document never asks for more."""

    @workflow.run
    async def run(self, argument: Argument) -> None:
        """`argument` has `job_id` and `owner`."""
        try:
            await self._make(argument)
        except FailureError as error:
            if is_cancelled_exception(error):
                await _run_activity("taste_cancel", argument)
                raise
            failure = read_failure(error)
            if failure.reason != _STOPPED:
                fault = {"reason": failure.reason, "message": failure.message[:500]}
                await _run_activity("taste_fail", argument | fault)
            await _run_activity("taste_clean_up", argument)
            if failure.reason == _STOPPED:
                return
            raise ApplicationError(
                failure.message,
                type=failure.reason,
                non_retryable=True,
                category=ApplicationErrorCategory.BENIGN,  # it stands in the document; the library would print a traceback
            ) from error
        except asyncio.CancelledError:
            await _run_activity("taste_cancel", argument)
            raise

    async def _make(self, argument: Argument) -> None:
        tracks: list[str] = await workflow.execute_activity(
            "taste_list", argument, result_type=list[str], task_queue=TRACKS_TASK_QUEUE, **_TRACK
        )
        raise_if_cancelled()
        preparing = [_prepare_some(argument, tracks) for _ in range(AT_ONCE)]
        for result in await asyncio.gather(*preparing, return_exceptions=True):
            if result is not None:
                raise result
        raise_if_cancelled()
        await workflow.execute_activity("taste_extract", argument, task_queue=EXTRACTION_TASK_QUEUE, **_EXTRACTION)
        await _run_activity("taste_clean_up", argument)


@workflow.defn(name=SWEEP)
class SweepObjects:
    """Removes what no job needs any more, and submits open jobs that the engine does not know."""

    @workflow.run
    async def run(self, argument: Argument) -> None:
        """`argument` is empty."""
        await _run_activity("sweep_objects", argument)


async def _prepare_some(argument: Argument, tracks: list[str]) -> None:
    """Takes tracks until none is left. After a failure none is begun any more."""
    while tracks:
        track = argument | {"track": tracks.pop(0)}
        try:
            await workflow.execute_activity("taste_prepare", track, task_queue=TRACKS_TASK_QUEUE, **_TRACK)
            raise_if_cancelled()
        except BaseException:
            tracks.clear()
            raise


async def _run_activity(name: str, argument: Argument) -> None:
    await workflow.execute_activity(name, argument, **_DOCUMENT)
