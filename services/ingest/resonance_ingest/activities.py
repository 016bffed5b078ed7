"""Activities of playlists: the steps of a taste's making, for the owner in the argument."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.durable import WorkerPlan
from resonance.durable.activities import durable_activity, report_progress
from resonance.identity import set_owner
from resonance.settings import Settings
from resonance_ingest.jobs.job import Fault
from resonance_ingest.pipeline.making import TasteMaking
from resonance_ingest.sweep import Sweeper
from resonance_ingest.work import EXTRACTION_TASK_QUEUE, TASK_QUEUE, TRACKS_TASK_QUEUE
from resonance_ingest.workflow import Argument, MakeTaste, SweepObjects

_DOCUMENTS_RUNNING_MAX = 16


class TasteActivities:
    """Activities by the names that the workflows call. Each runs in a task of its own, so that the owner is its own too."""

    def __init__(self, making: TasteMaking, sweeper: Sweeper) -> None:
        self._making = making
        self._sweeper = sweeper

    @durable_activity("taste_list")
    async def list_tracks(self, argument: Argument) -> list[str]:
        """Lists the tracks; returns those that are to be prepared."""
        return [str(index) for index in await self._making.list_tracks(_read_id(argument), report_progress)]

    @durable_activity("taste_prepare")
    async def prepare(self, argument: Argument) -> None:
        """Fetches and decodes one track."""
        await self._making.prepare(_read_id(argument), int(argument["track"]), report_progress)

    @durable_activity("taste_extract")
    async def extract(self, argument: Argument) -> None:
        """Makes the taste."""
        await self._making.extract(_read_id(argument), report_progress)

    @durable_activity("taste_fail")
    async def fail(self, argument: Argument) -> None:
        """Writes down that the job failed."""
        fault = Fault(reason=argument["reason"], message=argument["message"])
        await self._making.fail(_read_id(argument), fault)

    @durable_activity("taste_cancel")
    async def cancel(self, argument: Argument) -> None:
        """Writes down that the job was cancelled, and removes its files."""
        await self._making.cancel(_read_id(argument))

    @durable_activity("taste_clean_up")
    async def clean_up(self, argument: Argument) -> None:
        """Removes the files of a job that has ended."""
        await self._making.clean_up(_read_id(argument))

    @durable_activity("sweep_objects")
    async def sweep(self, argument: Argument) -> None:
        """One round of the sweep, for all owners."""
        await self._sweeper.sweep()


def worker_plans(making: TasteMaking, sweeper: Sweeper, settings: Settings) -> Sequence[WorkerPlan]:
    """The workers of the service."""
    steps = TasteActivities(making, sweeper)
    return (
        WorkerPlan(
            task_queue=TASK_QUEUE,
            workflows=[MakeTaste, SweepObjects],
            activities=[steps.fail, steps.cancel, steps.clean_up, steps.sweep],
            activities_running_max=_DOCUMENTS_RUNNING_MAX,
        ),
        WorkerPlan(
            task_queue=TRACKS_TASK_QUEUE,
            workflows=[],
            activities=[steps.list_tracks, steps.prepare],
            activities_running_max=settings.tracks_running_max,
        ),
        WorkerPlan(
            task_queue=EXTRACTION_TASK_QUEUE,
            workflows=[],
            activities=[steps.extract],
            activities_running_max=settings.jobs_running_max,
        ),
    )


def _read_id(argument: Argument) -> str:
    """The job's id; from here on the activity works for its owner."""
    set_owner(argument["owner"])
    return argument["job_id"]
