"""Rendered takes: prompts, seeds and arms.

Four prompts that name no style are rendered with four seeds by arm. Six more have words that an outside tagger can
check.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .manifest import PLAYLISTS, WORDS
from .product import Product, Taste

DURATION_S: Final = 8.0
SEEDS: Final = (11, 12, 13, 14)
NEUTRAL: Final = ("a piece of music", "something new to listen to", "music for the evening", "a tune that goes on")
# Prompt -> the tagger's tag (MagnaTagATune) that should be heard more in it than in the others.
ASKED: Final = {
    "solo piano": "piano",
    "violins and cellos": "strings",
    "acoustic guitar": "guitar",
    "techno with synthesizers": "techno",
    "a choir": "choir",
    "a flute melody": "flute",
}
ASKED_SEEDS: Final = (21,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One take: `arm` says why it is made, `playlist` whose taste or words made it (empty for none)."""

    arm: str
    playlist: str
    prompt: str
    seed: int
    strength: float = 1.0

    @property
    def is_steered(self) -> bool:
        """Whether a taste takes part."""
        return self.arm in ("taste", "random playlist", "asked with taste") or self.arm.startswith("strength ")


def arm_of(strength: float) -> str:
    """The arm's name at a strength; the default one has none."""
    return "taste" if strength == 1.0 else f"strength {strength:g}"


def taste_cells(strength: float = 1.0) -> Iterator[Cell]:
    """Every playlist's taste, with every neutral prompt and seed; playlists in turn, so that an early end leaves all with some."""
    for seed in SEEDS:
        for prompt in NEUTRAL:
            for name in PLAYLISTS:
                yield Cell(arm=arm_of(strength), playlist=name, prompt=prompt, seed=seed, strength=strength)


def plain_cells() -> Iterator[Cell]:
    """No taste."""
    for seed in SEEDS:
        for prompt in NEUTRAL:
            yield Cell(arm="no taste", playlist="", prompt=prompt, seed=seed)


def words_cells() -> Iterator[Cell]:
    """The playlist's style in words before the neutral prompt, and no taste."""
    for cell in taste_cells():
        prompt = f"{WORDS[cell.playlist]}, {cell.prompt}"
        yield Cell(arm="words", playlist=cell.playlist, prompt=prompt, seed=cell.seed)


def random_cells() -> Iterator[Cell]:
    """As `taste_cells`, with the taste of eight songs drawn from all playlists in the place of each playlist's."""
    for cell in taste_cells():
        yield Cell(arm="random playlist", playlist=cell.playlist, prompt=cell.prompt, seed=cell.seed)


def asked_cells() -> Iterator[Cell]:
    """Prompts that can be checked: without a taste, then with each playlist's."""
    for seed in ASKED_SEEDS:
        for prompt in ASKED:
            yield Cell(arm="asked", playlist="", prompt=prompt, seed=seed)
            yield Cell(arm="asked", playlist="", prompt=prompt, seed=seed + 100)
    for seed in ASKED_SEEDS:
        for name in PLAYLISTS:
            for prompt in ASKED:
                yield Cell(arm="asked with taste", playlist=name, prompt=prompt, seed=seed)


def render(product: Product, cell: Cell, tastes: dict[str, Taste]) -> Path:
    """The cell's take. `tastes` are by playlist; the random playlist of a playlist's place is `random NAME`."""
    key = f"random {cell.playlist}" if cell.arm == "random playlist" else cell.playlist
    taste = tastes[key] if cell.is_steered else None
    return product.take(cell.prompt, cell.seed, DURATION_S, taste, cell.strength)
