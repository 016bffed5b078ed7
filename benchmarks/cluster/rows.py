"""Rows of the table: what was played, what is wanted, what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from .listener import Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row. `is_met` is None where there is nothing to compare with, or nothing could be measured."""

    what: str
    wanted: str
    measured: str
    is_met: bool | None = None

    def __str__(self) -> str:
        verdict = {True: "yes", False: "**no**", None: "-"}[self.is_met]
        return f"| {self.what} | {self.wanted} | {self.measured} | {verdict} |"


def told(heard: Iterable[Heard]) -> str:
    """In words: how many takes were not whole, and why."""
    found = list(heard)
    cut = [each for each in found if not each.is_whole]
    reasons = "; ".join(sorted({f"{each.status} {each.reason}".strip()[:120] for each in cut}))
    return f"{len(cut)} of {len(found)}" + (f" ({reasons})" if cut else "")


def median(values: Iterable[float]) -> float:
    """The median; 0 of nothing."""
    found = list(values)
    return statistics.median(found) if found else 0.0
