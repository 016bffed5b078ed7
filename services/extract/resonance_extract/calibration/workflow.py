"""Workflows of calibration jobs: Calibrate, ScanLayers, MakeReference.

Workflow code is deterministic and does no I/O: the activities read and write the documents. The engine keeps ids alone.
"""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from resonance.durable.activities import read_failure
    from resonance.durable.policies import activity_options, raise_if_cancelled
    from resonance_extract.calibration.work import CALIBRATE, MAKE_REFERENCE, SCAN_LAYERS

Argument = dict[str, str]
# Two renderings of a job at once share the decoder's matrix products; the other slots stay free for listeners.
AT_ONCE = 2
_DAY_S = 24 * 3600.0
_DOCUMENT = activity_options(one_try_s=600.0)
# Work in the background waits for listeners inside its activity, and a rendering waits while `generate` is away.
_PART = activity_options(one_try_s=_DAY_S, all_tries_s=30 * _DAY_S)
_STOPPED = "CALIBRATION_JOB_STOPPED"


class _CalibrationWork:
    """Measures the parts that a job's document lacks, and then has the result written."""

    def __init__(self) -> None:
        self._changes = 0

    @workflow.signal
    def changed(self) -> None:
        """The job was submitted again: its document may ask for more."""
        self._changes += 1

    async def _run(self, argument: Argument) -> None:
        """`argument` has `calibration_job_id`, `owner` and `parts_queue`."""
        try:
            await self._make(argument)
        except FailureError as error:
            if is_cancelled_exception(error):
                await _run_activity("calibration_cancel", argument)
                raise
            failure = read_failure(error)
            if failure.reason == _STOPPED:
                return
            fault = {"reason": failure.reason, "message": failure.message[:500]}
            await _run_activity("calibration_fail", argument | fault)
            raise ApplicationError(
                failure.message,
                type=failure.reason,
                non_retryable=True,
                category=ApplicationErrorCategory.BENIGN,  # it stands in the document; the library would print a traceback
            ) from error
        except asyncio.CancelledError:
            await _run_activity("calibration_cancel", argument)
            raise

    async def _make(self, argument: Argument) -> None:
        seen = -1
        while seen != self._changes:
            seen = self._changes
            while keys := await _run_activity("calibration_list_missing", argument):
                raise_if_cancelled()
                measuring = [_measure_some(argument, keys) for _ in range(AT_ONCE)]
                for result in await asyncio.gather(*measuring, return_exceptions=True):
                    if result is not None:
                        raise result
            await _run_activity("calibration_finish", argument)


@workflow.defn(name=CALIBRATE)
class Calibrate(_CalibrationWork):
    """Measures the safe range of a concept or taste."""

    @workflow.run
    async def run(self, argument: Argument) -> None:
        """`argument` as in `_run`."""
        await self._run(argument)


@workflow.defn(name=SCAN_LAYERS)
class ScanLayers(_CalibrationWork):
    """Renders a concept or taste on chosen layers."""

    @workflow.run
    async def run(self, argument: Argument) -> None:
        """`argument` as in `_run`."""
        await self._run(argument)


@workflow.defn(name=MAKE_REFERENCE)
class MakeReference(_CalibrationWork):
    """Reads the music of a reference."""

    @workflow.run
    async def run(self, argument: Argument) -> None:
        """`argument` as in `_run`."""
        await self._run(argument)


async def _measure_some(argument: Argument, keys: list[str]) -> None:
    """Takes parts from `keys` until none is left. After a failure none is begun any more."""
    while keys:
        part = argument | {"key": keys.pop(0)}
        try:
            await workflow.execute_activity("calibration_measure", part, task_queue=argument["parts_queue"], **_PART)
            raise_if_cancelled()
        except BaseException:
            keys.clear()
            raise


async def _run_activity(name: str, argument: Argument) -> list[str]:
    return await workflow.execute_activity(name, argument, result_type=list[str], **_DOCUMENT)
