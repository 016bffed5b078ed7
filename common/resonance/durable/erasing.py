"""Cancellation of all work of one owner, for the deletion of the owner."""

from __future__ import annotations

from collections.abc import Iterable

from resonance.durable.engine import Engine
from resonance.durable.work import WorkFilter

_WORK_MAX = 1000
_ENDS_S = 2.0


async def cancel_work(engine: Engine, owner: str, work_ids: Iterable[str]) -> bool:
    """Cancels work of an owner: of these ids, and what else of the owner's the engine runs. False where some is still ending."""
    overview = await engine.overview()
    states = await overview.list(WorkFilter(owner=owner, status="running"), limit=_WORK_MAX)
    running = [state.work_id for state in states]
    ended = [await engine.cancel(work_id, wait_s=_ENDS_S) for work_id in dict.fromkeys([*work_ids, *running])]
    return all(ended)
