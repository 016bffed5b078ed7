"""Background calibration of new concepts: one after another, started when the service has room."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import structlog

from resonance.errors import Overloaded, ResonanceError
from resonance.identity import current_owner
from resonance.v1 import extract_pb2
from resonance_extract.calibration.jobs import CalibrationJobs

# The most concepts that wait. A concept that finds no place keeps its cautious range until it is asked for again.
WAITING_MAX = 64
# A new concept is heard at once, and its caller often moves on to another phrase: renderings begin after this pause.
PAUSE_S = 10.0
_FULL_S = 30.0
_log = structlog.get_logger("extract")


class BackgroundCalibration:
    """Starts the usual calibration job of each concept that it is given. A job that runs survives this process as any other does."""

    def __init__(self, calibration_jobs: CalibrationJobs, *, pause_s: float = PAUSE_S) -> None:
        self._calibration_jobs = calibration_jobs
        self._pause_s = pause_s
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()

    def add(self, concept: str) -> None:
        """Has the concept of the current owner calibrated, once. Nothing happens where it waits already or too many do."""
        place = (current_owner(), concept)
        if place in self._tasks or len(self._tasks) >= WAITING_MAX:
            return
        task = asyncio.create_task(self._calibrate(concept))  # it acts as the caller, whose context it inherits
        self._tasks[place] = task
        task.add_done_callback(lambda _: self._tasks.pop(place, None))

    async def close(self) -> None:
        """Stops waiting. Jobs that were begun go on."""
        for task in (tasks := list(self._tasks.values())):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _calibrate(self, concept: str) -> None:
        await asyncio.sleep(self._pause_s)
        request = extract_pb2.StartCalibrationJobRequest(concept=concept)
        async with self._turn:
            try:
                job = await self._start(request)
                async with aclosing(self._calibration_jobs.watch(job.calibration_job_id)) as changes:
                    async for _ in changes:
                        pass
            except ResonanceError as failure:  # such as of a concept that was removed meanwhile
                _log.info("a new concept was not calibrated", concept=concept, message=failure.message)

    async def _start(self, request: extract_pb2.StartCalibrationJobRequest) -> extract_pb2.CalibrationJob:
        while True:
            try:
                return await self._calibration_jobs.start(request)
            except Overloaded as failure:
                await asyncio.sleep(failure.retry_after_s or _FULL_S)
