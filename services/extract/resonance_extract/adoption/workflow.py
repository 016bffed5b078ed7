"""Workflow of an adoption: AdoptModel. It does no I/O: the activities read and write the document and the parts."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from resonance.durable.policies import activity_options, raise_if_cancelled
    from resonance_extract.adoption.work import ADOPT_MODEL

Argument = dict[str, str]
_DAY_S = 24 * 3600.0
_DOCUMENT = activity_options(one_try_s=600.0)
# It gives way to listeners inside its activity. Another process takes it over where the first one ends.
_MAKING = activity_options(one_try_s=30 * _DAY_S, all_tries_s=300 * _DAY_S)


@workflow.defn(name=ADOPT_MODEL)
class AdoptModel:
    """Makes the missing parts of a model."""

    def __init__(self) -> None:
        self._changes = 0

    @workflow.signal
    def changed(self) -> None:
        """A caller asked for all parts."""
        self._changes += 1

    @workflow.run
    async def run(self, argument: Argument) -> None:
        """`argument` has `model_digest`."""
        try:
            seen = -1
            while seen != self._changes:
                seen = self._changes
                await workflow.execute_activity("adoption_make", argument, **_MAKING)
                raise_if_cancelled()
        except FailureError as error:
            if is_cancelled_exception(error):
                await workflow.execute_activity("adoption_cancel", argument, **_DOCUMENT)
            raise
        except asyncio.CancelledError:
            await workflow.execute_activity("adoption_cancel", argument, **_DOCUMENT)
            raise
