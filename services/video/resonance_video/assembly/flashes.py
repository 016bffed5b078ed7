"""Flash meter: opposing changes of brightness and of saturated red in any second of a video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashReport:
    """The most flashes in any second, general and red, and where that second begins."""

    flashes_max: float
    red_flashes_max: float
    at_s: float

    @property
    def is_safe(self) -> bool:
        """No second has more than three flashes."""
        return max(self.flashes_max, self.red_flashes_max) <= 3


def measure(path: Path) -> FlashReport:
    """Flashes of a video file, after WCAG 2.3.1. Raises InvalidInput where the file has no video track."""
    raise NotImplementedError
