"""Activities of a video: the steps of its making, for the owner in the argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from temporalio import activity

from resonance.durable import WorkerPlan
from resonance.durable.activities import durable_activity
from resonance.identity import set_owner
from resonance_video.making import VideoMaking
from resonance_video.models import Aspect
from resonance_video.planned import SceneTask
from resonance_video.video_document import Fault
from resonance_video.work import CPU_TASK_QUEUE, TASK_QUEUE
from resonance_video.workflow import Argument, MakeScene, MakeVideo

_QUICK_RUNNING_MAX = 16


class VideoActivities:
    """Activities by the names that the workflows call. Each runs in a task of its own, so that the owner is its own too."""

    def __init__(self, making: VideoMaking) -> None:
        self._making = making

    @durable_activity("video_fetch_song")
    async def fetch_song(self, argument: Argument) -> None:
        """Copies the song."""
        await self._making.fetch_song(_video_id(argument))

    @durable_activity("video_listen")
    async def listen(self, argument: Argument) -> None:
        """Writes the song map."""
        await self._making.listen(_video_id(argument))

    @durable_activity("video_write")
    async def write(self, argument: Argument) -> None:
        """Writes the treatment."""
        await self._making.write(_video_id(argument))

    @durable_activity("video_plan")
    async def plan(self, argument: Argument) -> list[Argument]:
        """Writes the plan; returns the scenes that are to be made."""
        tasks = await self._making.plan(_video_id(argument))
        return [{"shot_id": task.shot_id, "version": str(task.version)} for task in tasks]

    @durable_activity("video_make_scene")
    async def make_scene(self, argument: Argument) -> None:
        """Makes one scene."""
        await self._making.make_scene(_video_id(argument), _task(argument), activity.info().attempt)

    @durable_activity("video_fail_scene")
    async def fail_scene(self, argument: Argument) -> None:
        """Writes down that one scene failed."""
        await self._making.fail_scene(_video_id(argument), _task(argument), _fault(argument))

    @durable_activity("video_assemble")
    async def assemble(self, argument: Argument) -> None:
        """Makes the film of one aspect."""
        await self._making.assemble(_video_id(argument), cast(Aspect, argument["aspect"]))

    @durable_activity("video_complete")
    async def complete(self, argument: Argument) -> bool:
        """True where nothing is left to do."""
        return await self._making.complete(_video_id(argument))

    @durable_activity("video_fail")
    async def fail(self, argument: Argument) -> None:
        """Writes down that the video failed."""
        await self._making.fail(_video_id(argument), _fault(argument))

    @durable_activity("video_cancel")
    async def cancel(self, argument: Argument) -> None:
        """Writes down that the video was cancelled."""
        await self._making.cancel(_video_id(argument))


def worker_plans(making: VideoMaking, *, scenes_running_max: int) -> Sequence[WorkerPlan]:
    """The workers of the service."""
    steps = VideoActivities(making)
    quick = [steps.fetch_song, steps.write, steps.plan, steps.fail_scene, steps.complete, steps.fail, steps.cancel]
    return (
        WorkerPlan(
            task_queue=TASK_QUEUE,
            workflows=[MakeVideo, MakeScene],
            activities=quick,
            activities_running_max=_QUICK_RUNNING_MAX,
        ),
        WorkerPlan(
            task_queue=CPU_TASK_QUEUE,
            workflows=[],
            activities=[steps.listen, steps.make_scene, steps.assemble],
            activities_running_max=scenes_running_max,
        ),
    )


def _video_id(argument: Argument) -> str:
    """The video's id; from here on the activity works for its owner."""
    set_owner(argument["owner"])
    return argument["video_id"]


def _task(argument: Argument) -> SceneTask:
    return SceneTask(shot_id=argument["shot_id"], version=int(argument["version"]))


def _fault(argument: Argument) -> Fault:
    return Fault(reason=argument["reason"], message=argument["message"])
