"""Bench cells: one clip each, keyed by all its inputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import combinations

from resonance.ids import canonical_digest
from resonance.steering.sliders import SLIDER_NAMES

from .sizes import FIRST_SEED, PROMPTS, Size

SCORES_FORM = 3
Ends = dict[str, tuple[float, float]]
TASTE_STRENGTHS = (0.5, 1.0)
STACK_SHARE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One clip. `pushes` are (direction, strength); `layers` is `own` (each direction's own gains, as it ships), `all` alike, `one_to_all`
    or a layer's number."""

    prompt: str
    seed: int
    clip_s: float
    pushes: tuple[tuple[str, float], ...] = ()
    stacking: str = "joint"
    rule: str = "add"
    both_rows: bool = False
    layers: str = "own"

    @property
    def key(self) -> str:
        """The cell's name in the cache of one model."""
        return canonical_digest([SCORES_FORM, asdict(self)])[:24]

    @property
    def unsteered(self) -> Cell:
        """The same clip unsteered."""
        return Cell(prompt=self.prompt, seed=self.seed, clip_s=self.clip_s)


def places(size: Size, count: int | None = None, seeds: int | None = None) -> list[tuple[str, int]]:
    """Prompts and seeds."""
    prompts = PROMPTS[: count or size.prompts]
    return [(prompt, FIRST_SEED + index) for index in range(seeds or size.seeds) for prompt in prompts]


def unsteered_cells(size: Size) -> list[Cell]:
    """Strength 0, twice: of the bench's seeds, and of others, to know what chance alone does."""
    cells = [Cell(prompt=prompt, seed=seed, clip_s=size.clip_s) for prompt, seed in places(size)]
    return cells + [replace(cell, seed=cell.seed + 1000) for cell in cells]


def ladder(size: Size, end: float) -> list[float]:
    """Strengths of one side: shares of its safe end; where it is closed, none."""
    return [round(share * end, 4) for share in size.strengths if end]


def slider_cells(size: Size, ends: Ends) -> dict[tuple[str, float], list[Cell]]:
    """(slider, strength) to its clips: the ladder on both sides up to the safe ends, and as far again beyond."""
    return {
        (name, strength): [
            Cell(prompt=prompt, seed=seed, clip_s=size.clip_s, pushes=((name, strength),))
            for prompt, seed in places(size, seeds=size.end_seeds if strength in ends[name] else None)
        ]
        for name in SLIDER_NAMES
        for strength in sorted({*ladder(size, ends[name][0]), *ladder(size, ends[name][1])} - {0.0}, key=abs)
    }


def stack_cells(size: Size, ends: Ends, stacking: str) -> dict[tuple[tuple[str, int], ...], list[Cell]]:
    """Pairs of open slider sides, and triples, at a share of their ends. Signs alternate so that every side is met."""
    sides = [(name, sign) for name in SLIDER_NAMES for sign in (1, -1) if ends[name][0 if sign < 0 else 1]]
    pairs = [pair for pair in combinations(sides, 2) if pair[0][0] != pair[1][0]]
    triples = [three for three in combinations(sides, 3) if len({name for name, _ in three}) == 3]
    count = size.stacked_prompts if stacking == "joint" else size.few_prompts
    asked = pairs + triples[:: max(1, len(triples) // max(size.triples, 1))][: size.triples]
    return {
        group: [
            Cell(
                prompt=prompt,
                seed=seed,
                clip_s=size.clip_s,
                stacking=stacking,
                pushes=tuple((name, STACK_SHARE * ends[name][0 if sign < 0 else 1]) for name, sign in group),
            )
            for prompt, seed in places(size, count)
        ]
        for group in asked
    }


def random_cells(size: Size, ends: Ends) -> dict[tuple[str, float], list[Cell]]:
    """(slider, open end) to its clips with a random direction of the slider's length in the slider's place."""
    return {
        (name, end): [
            Cell(prompt=prompt, seed=seed, clip_s=size.clip_s, pushes=((f"{name}:random", end),))
            for prompt, seed in places(size)
        ]
        for name in SLIDER_NAMES
        for end in ends[name]
        if end
    }


# A slider's own words, added to a bench prompt: what the model does by its prompt alone. (more of it, less of it)
WORDED: dict[str, tuple[str, str]] = {
    "energy": ("powerful and energetic", "calm and gentle"),
    "tempo": ("fast", "slow"),
    "bass_resonance": ("with deep bass", "without bass"),
    "harmonic_complexity": ("with complex chords", "with simple chords"),
    "instrument_density": ("dense full band", "sparse and minimal"),
    "vocal_presence": ("with choir vocals", "instrumental, no vocals"),
    "emotional_tension": ("dark and tense", "happy and cheerful"),
}


def worded_cells(size: Size) -> dict[tuple[str, int], list[tuple[Cell, Cell]]]:
    """(slider, sign) to clips whose prompt says it, each with the clip of the bare prompt; nothing is pushed."""
    return {
        (name, sign): [
            (
                Cell(prompt=f"{prompt}, {words[0 if sign > 0 else 1]}", seed=seed, clip_s=size.clip_s),
                Cell(prompt=prompt, seed=seed, clip_s=size.clip_s),
            )
            for prompt, seed in places(size)
        ]
        for name, words in WORDED.items()
        for sign in (1, -1)
    }


VARIANTS: dict[str, dict[str, object]] = {
    "as it ships": {},
    "both rows": {"both_rows": True},
    "all layers alike": {"layers": "all"},
    "one_to_all": {"layers": "one_to_all"},
    "best layer alone": {"layers": "best"},
    "clamp": {"rule": "clamp"},
    "ease": {"rule": "ease"},
    "whitened": {"suffix": ":whitened"},
}


def variant_cells(size: Size, best: dict[str, int], ends: Ends) -> dict[tuple[str, str, float], list[Cell]]:
    """(variant, slider, strength) to clips: what each way of steering does that is not how it ships, at the open ends."""
    cells = {}
    for variant, fields in VARIANTS.items():
        for name in ("energy", "bass_resonance", "instrument_density", "vocal_presence"):
            for strength in (end for end in ends[name] if end):
                options = dict(fields)
                direction = name + str(options.pop("suffix", ""))
                if options.get("layers") == "best":
                    options["layers"] = str(best[name])
                cells[variant, name, strength] = [
                    Cell(prompt=prompt, seed=seed, clip_s=size.clip_s, pushes=((direction, strength),), **options)  # type: ignore[arg-type]
                    for prompt, seed in places(size, size.few_prompts)
                ]
    return cells


TASTE_KINDS = ("contrast", "mean", "varied", "whitened")


def taste_cells(size: Size, names: list[str], words: dict[str, str]) -> dict[tuple[str, str, float], list[Cell]]:
    """(kind, playlist, strength) to clips; kind `words` has the playlist's words in the prompt and steers nothing."""
    cells = {}
    for name in names:
        at = places(size, size.few_prompts)
        for kind in TASTE_KINDS:
            for strength in TASTE_STRENGTHS:
                push = ((f"taste:{name}:{kind}", strength),)
                cells[kind, name, strength] = [
                    Cell(prompt=prompt, seed=seed, clip_s=size.clip_s, pushes=push) for prompt, seed in at
                ]
        cells["words", name, 0.0] = [
            Cell(prompt=f"{prompt}, {words[name]}", seed=seed, clip_s=size.clip_s) for prompt, seed in at
        ]
    return cells


def held_cells(size: Size, ends: Ends) -> list[Cell]:
    """A knob held for a minute, beside none."""
    plain = [Cell(prompt=PROMPTS[index], seed=FIRST_SEED, clip_s=size.held_s) for index in range(4)]
    energy = ends["energy"][1] or ends["energy"][0]
    return plain + [replace(cell, pushes=(("energy", energy),)) for cell in plain]
