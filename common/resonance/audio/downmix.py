"""Downmix of any channel layout to mono (ITU-R BS.775).

Two front channels come first, then their sum.

numpy alone: it runs inside the confined decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HALF = 0.5**0.5
# What a channel gives to (left, right), by FFmpeg's channel names. BS.775-4, annex 4: centre and surrounds at -3 dB. Low-frequency
# effects are left out. Heights follow the channel below them.
_WEIGHTS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("FL", "FLC", "WL", "DL", "TFL", "BFL"), (1.0, 0.0)),
    **dict.fromkeys(("FR", "FRC", "WR", "DR", "TFR", "BFR"), (0.0, 1.0)),
    **dict.fromkeys(("FC", "TC", "TFC", "BFC"), (_HALF, _HALF)),
    **dict.fromkeys(("SL", "BL", "TBL", "TSL", "SDL"), (_HALF, 0.0)),
    **dict.fromkeys(("SR", "BR", "TBR", "TSR", "SDR"), (0.0, _HALF)),
    **dict.fromkeys(("BC", "TBC"), (0.5, 0.5)),
    **dict.fromkeys(("LFE", "LFE2"), (0.0, 0.0)),
}
# Channel order of WAV and FLAC, for files whose layout is unknown.
_USUAL: dict[int, tuple[str, ...]] = {
    2: ("FL", "FR"),
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
# One side's polarity is turned where the difference has more power than the sum by this factor, 1 dB. Without a margin small
# changes of a file with two unrelated sides would turn one of them.
TURNED_FACTOR = 10**0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class MonoMix:
    """Gains of left and right in the mono signal. `kind` is `sum`, or `turned` where one side's polarity is turned first."""

    left: float
    right: float
    kind: str


SUM = MonoMix(left=0.5, right=0.5, kind="sum")
TURNED = MonoMix(left=0.5, right=-0.5, kind="turned")


def front_matrix(channels: Sequence[str]) -> NDArray[np.float64]:
    """Gains `[channels, 2]` from channels by name to left and right, each column scaled so that full scale stays full scale.

    One channel goes to both sides. Where no channel has a known place, the usual order of so many channels is taken; beyond
    eight, and beside known ones, a channel of no known place counts for both sides alike.
    """
    if len(channels) == 1:
        return np.ones((1, 2))
    if not any(name in _WEIGHTS for name in channels):
        channels = _USUAL.get(len(channels), tuple(channels))
    matrix = np.array([_WEIGHTS.get(name, (0.5, 0.5)) for name in channels])
    if not matrix.any():
        matrix = np.full((len(channels), 2), 0.5)
    return matrix / matrix.sum(axis=0).max()


class FrontPowers:
    """Means and powers of left and right over a whole track, for the choice of its mono mix."""

    def __init__(self) -> None:
        self._count = 0
        self._sums = np.zeros(2)
        self._products = np.zeros((2, 2))

    def add(self, front: NDArray[np.float32]) -> None:
        """Takes in the next samples `[samples, 2]`."""
        block = front.astype(np.float64)
        self._count += len(block)
        self._sums += block.sum(axis=0)
        self._products += block.T @ block

    @property
    def means(self) -> NDArray[np.float64]:
        """The offset (DC) of left and right, `[2]`."""
        return self._sums / max(1, self._count)

    def choose(self) -> MonoMix:
        """The sum, or the difference where it has more power: a file and its copy with one side turned give the same mono signal.

        Of powers l and r and covariance c the sum has (l + r + 2 c) / 4 and the difference (l + r - 2 c) / 4, so that one of them
        has at least a quarter of both sides' power: no sound is lost.
        """
        covariance = self._products / max(1, self._count) - np.outer(self.means, self.means)
        return TURNED if _power(TURNED, covariance) > TURNED_FACTOR * _power(SUM, covariance) else SUM


def _power(mix: MonoMix, covariance: NDArray[np.float64]) -> float:
    gains = np.array([mix.left, mix.right])
    return float(gains @ covariance @ gains)
