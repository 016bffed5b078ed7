"""Progress of an adoption: states of its parts, estimated time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from resonance.v1 import extract_pb2
from resonance_extract.adoption.parts import Part

IDLE = extract_pb2.ADOPTION_STATE_IDLE
RUNNING = extract_pb2.ADOPTION_STATE_RUNNING
COMPLETED = extract_pb2.ADOPTION_STATE_COMPLETED
FAILED = extract_pb2.ADOPTION_STATE_FAILED
_ORDER = ("reference", "slider", "range", "layers")


class Progress:
    """Progress of the parts of one adoption, and the time that they took.

    The time left is the music that is still to be generated, times the seconds that a second of music took: of the same kind of part
    where one was measured, else of the nearest kind before it. Times of waiting for listeners do not count.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        waited_s: Callable[[], float] = lambda: 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parts = parts
        self._waited_s = waited_s
        self._clock = clock
        self.states = {part.name: extract_pb2.AdoptionPart(name=part.name, state=IDLE) for part in parts}
        for part in parts:
            self.states[part.name].total = part.step_count
        self._spent_s: dict[str, float] = {}
        self._made_s: dict[str, float] = {}
        self._mark_s: float | None = None

    def finish(self, part: Part, note: str = "") -> None:
        """Marks a part as done, or with a note as left out."""
        state = self.states[part.name]
        state.state, state.done, state.note = COMPLETED, state.total, note

    def begin(self, part: Part) -> None:
        """Marks a part as being made."""
        state = self.states[part.name]
        state.state, state.done, state.note = RUNNING, 0, ""
        self._mark_s = None

    def report(self, part: Part, done: int, total: int) -> None:
        """Counts steps of a part. Those of its first report were done before it began, and took no time of this process."""
        state, now_s = self.states[part.name], self._now_s()
        if self._mark_s is not None and state.done < done:
            made_s = part.music_s * (done - state.done) / max(1, total)
            self._spent_s[part.kind] = self._spent_s.get(part.kind, 0.0) + now_s - self._mark_s
            self._made_s[part.kind] = self._made_s.get(part.kind, 0.0) + made_s
        if self._mark_s is None or state.done != done:
            self._mark_s = now_s
        state.done, state.total = done, total

    def fail(self, part: Part, note: str) -> None:
        """Marks a part as failed."""
        state = self.states[part.name]
        state.state, state.note = FAILED, note

    @property
    def done_count(self) -> int:
        """The number of parts that are done or left out."""
        return sum(state.state == COMPLETED for state in self.states.values())

    @property
    def seconds_left(self) -> float | None:
        """The estimated time until all parts are done; None until a step was measured."""
        left_s, rate = 0.0, self._first_rate()
        if rate is None:
            return None
        for kind in _ORDER:
            rate = self._rate(kind) or rate
            for part in self._parts:
                state = self.states[part.name]
                if part.kind == kind and state.state != COMPLETED:
                    left_s += rate * part.music_s * (1 - state.done / max(1, state.total))
        return left_s

    def _rate(self, kind: str) -> float | None:
        made_s = self._made_s.get(kind, 0.0)
        return self._spent_s[kind] / made_s if made_s > 0 else None

    def _first_rate(self) -> float | None:
        return next((rate for kind in _ORDER if (rate := self._rate(kind)) is not None), None)

    def _now_s(self) -> float:
        return self._clock() - self._waited_s()


def tell_duration(seconds: float | None) -> str:
    """A duration in plain words, such as `12 min`."""
    if seconds is None:
        return "not known yet"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
