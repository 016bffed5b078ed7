"""Parts of a decoded track that are kept: the chosen ranges, or all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


class Parts:
    """Goes through a track's samples and passes on those inside the ranges, each `(start, end)` in samples; none means all."""

    def __init__(self, ranges: Sequence[tuple[int, int]] = ()) -> None:
        self.ranges = sorted(ranges)
        self.position = 0
        self.kept = 0

    @property
    def are_over(self) -> bool:
        """True once every range has ended: the rest of the file need not be decoded."""
        return bool(self.ranges) and self.position >= self.ranges[-1][1]

    def take(self, samples: Any) -> Iterator[Any]:
        """The kept stretches of the next samples `[samples, channels]`."""
        first, self.position = self.position, self.position + len(samples)
        for start, end in self.ranges or [(0, self.position)]:
            part = samples[max(0, start - first) : max(0, end - first)]
            if len(part):
                self.kept += len(part)
                yield part

    def found(self) -> list[tuple[int, int]]:
        """The ranges as far as the track reaches; empty where all of it is kept."""
        return [(start, min(end, self.position)) for start, end in self.ranges if start < self.position]
