"""Command: a change of one request, made on the engine thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from resonance.errors import NotFound
from resonance_generate.engine.request import EngineRequest
from resonance_generate.engine.running_request import RunningRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A change of one request, and its result for the caller's thread."""

    request: EngineRequest
    change: Callable[[RunningRequest], Any]
    result: Future[Any]

    def apply(self, running: RunningRequest) -> None:
        """Makes the change, unless the caller has given it up. An unforeseen failure is the caller's and the engine's."""
        if not self.result.set_running_or_notify_cancel():
            return
        try:
            self.result.set_result(self.change(running))
        except BaseException as failure:
            self.result.set_exception(failure)
            raise


def not_playing(request: EngineRequest) -> NotFound:
    """The refusal of a command for a request that has ended or never began."""
    return NotFound(f"{request.request_id} is not playing", reason="NOT_PLAYING")
