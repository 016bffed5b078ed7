"""Commands: changes of one request each, made on the engine thread, and those that wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from resonance.errors import NotFound, Overloaded
from resonance_generate.engine.request import EngineRequest
from resonance_generate.engine.running_request import RunningRequest

COMMANDS_WAITING_MAX = 32


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


class CommandQueue:
    """Commands that wait for the engine thread, in their order. The engine calls it under its lock."""

    def __init__(self) -> None:
        self._waiting: list[Command] = []

    def add(self, command: Command) -> None:
        """Appends a command.

        Raises:
            Overloaded: COMMANDS_WAITING_MAX commands of the request wait already.
        """
        if sum(waiting.request is command.request for waiting in self._waiting) >= COMMANDS_WAITING_MAX:
            raise Overloaded(
                "too many controls wait for this performance; send fewer",
                reason="TOO_MANY_CONTROLS",
                retry_after_s=1.0,
            )
        self._waiting.append(command)

    def take(self, without_slot: Sequence[EngineRequest]) -> list[Command]:
        """Takes the commands out that are due; those of requests that wait for a slot stay, in their order."""
        due: list[Command] = []
        kept: list[Command] = []
        for command in self._waiting:
            is_early = any(command.request is request for request in without_slot)
            (kept if is_early else due).append(command)
        self._waiting = kept
        return due


def not_playing(request: EngineRequest) -> NotFound:
    """The refusal of a command for a request that has ended or never began."""
    return NotFound(f"{request.request_id} is not playing", reason="NOT_PLAYING")
