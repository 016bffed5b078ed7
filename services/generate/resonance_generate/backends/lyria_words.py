"""Recipes for Lyria: weighted prompts, knobs, and phrases where it has no knob."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import steering_pb2
from resonance_generate.conditions.vectors import Vectors

BPM_MIN, BPM_MAX, BPM = 60, 200, 110
# Positions beneath and above which a slider becomes a phrase or a mute.
_SAID, _MUTED = 0.05, -0.95
_PHRASES: dict[str, tuple[str, str]] = {
    "energy": ("calm, gentle, soft playing", "driving, powerful, energetic"),
    "bass_resonance": ("thin, light bass", "deep, resonant bass"),
    "harmonic_complexity": ("plain, simple chords", "rich, complex jazz harmony"),
    "vocal_presence": ("instrumental, no voices", "choir and voices"),
    "emotional_tension": ("relaxed, resolved harmony", "tense, dissonant harmony"),
}
_TEMPO_PHRASES = ("slow tempo", "fast tempo")
_DENSITY_PHRASES = ("sparse arrangement, few instruments", "full, dense arrangement")
_KEY = re.compile(r"([A-Ga-g]) ?(#|b|[Ss]harp|[Ff]lat)? ?(.*)")
_PITCHES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SCALES = (
    "C_MAJOR_A_MINOR",
    "D_FLAT_MAJOR_B_FLAT_MINOR",
    "D_MAJOR_B_MINOR",
    "E_FLAT_MAJOR_C_MINOR",
    "E_MAJOR_D_FLAT_MINOR",
    "F_MAJOR_D_MINOR",
    "G_FLAT_MAJOR_E_FLAT_MINOR",
    "G_MAJOR_E_MINOR",
    "A_FLAT_MAJOR_F_MINOR",
    "A_MAJOR_G_FLAT_MINOR",
    "B_FLAT_MAJOR_G_MINOR",
    "B_MAJOR_A_FLAT_MINOR",
)
_DRUMS = re.compile(r"\b(no|without) (drums|percussion|beat)\b|^(drums|percussion|beat)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LyriaConditions:
    """Weighted prompts (text, weight above 0), knobs by the names of the library's config, and what was changed about the recipe.

    `needs_reset` knobs (`bpm`, `scale`) act only after the context is reset.
    """

    prompts: tuple[tuple[str, float], ...]
    config: dict[str, Any]
    notices: tuple[str, ...]

    def differs_at_a_bar(self, other: LyriaConditions) -> bool:
        """True where a change from `other` needs the context to be reset."""
        return any(self.config.get(name) != other.config.get(name) for name in ("bpm", "scale"))


class LyriaWords:
    """Turns recipes into conditions for Lyria. Tastes and concepts become words: there are no hidden states to steer."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    async def live(self, recipe: steering_pb2.Recipe, *, seed: int | None = None) -> LyriaConditions:
        """Weighted prompts and knobs of live music. Raises NotFound for an unknown taste."""
        notices: list[str] = []
        prompts = [(prompt.text, prompt.weight if prompt.HasField("weight") else 1.0) for prompt in recipe.prompts]
        prompts += await self._taste_prompts(recipe, notices)
        prompts += [(concept.name.replace("-", " "), _amount(concept)) for concept in recipe.concepts]
        sliders = recipe.sliders
        prompts += [
            (_PHRASES[name][position > 0], abs(position))
            for name in _PHRASES
            if abs(position := getattr(sliders, name)) > _SAID and not (name == "bass_resonance" and position < _MUTED)
        ]
        if recipe.negative_prompt:
            notices.append("this model cannot be steered away from words; leave out what should not be heard")
        config: dict[str, Any] = {
            "bpm": _bpm(recipe),
            "density": round(0.5 + 0.5 * sliders.instrument_density, 3) if sliders.instrument_density else None,
            "brightness": round(0.5 + 0.5 * sliders.energy, 3) if sliders.energy else None,
            "scale": _scale(recipe.key),
            "mute_bass": True if sliders.bass_resonance < _MUTED else None,
            "mute_drums": True if any(_DRUMS.search(text) for text in _denials(recipe)) else None,
            "guidance": min(recipe.guidance_scale, 6.0) if recipe.HasField("guidance_scale") else None,
            "temperature": recipe.temperature if recipe.HasField("temperature") else None,
            "top_k": min(max(recipe.top_k, 1), 1000) if recipe.HasField("top_k") else None,
            "seed": seed % 2**31 if seed is not None else None,
        }
        used = tuple((text, weight) for text, weight in prompts if text and weight > 0)
        return LyriaConditions(
            prompts=used,
            config={name: value for name, value in config.items() if value is not None},
            notices=tuple(notices),
        )

    async def song(self, recipe: steering_pb2.Recipe, *, duration_s: float) -> tuple[str, tuple[str, ...]]:
        """The words of a song, and what was changed about the recipe. Raises NotFound for an unknown taste."""
        notices: list[str] = []
        parts = [prompt.text for prompt in recipe.prompts]
        parts += [words for words, _ in await self._taste_prompts(recipe, notices)]
        parts += [f"{'more' if _amount(one) > 0 else 'less'} {one.name.replace('-', ' ')}" for one in recipe.concepts]
        phrases = _PHRASES | {"tempo": _TEMPO_PHRASES, "instrument_density": _DENSITY_PHRASES}
        for name in SLIDER_NAMES:
            position = getattr(recipe.sliders, name)
            if abs(position) > _SAID:
                parts.append(f"{_degree(position)}{phrases[name][position > 0]}")
        if recipe.HasField("bpm"):
            parts.append(f"{recipe.bpm:g} bpm")
        if recipe.key:
            parts.append(f"in {recipe.key}")
        if recipe.negative_prompt:
            parts.append(f"without {recipe.negative_prompt}")
        parts.append(f"about {duration_s:g} seconds long")
        return ". ".join(part.strip().rstrip(".") for part in parts if part.strip()) + ".", tuple(notices)

    async def _taste_prompts(self, recipe: steering_pb2.Recipe, notices: list[str]) -> list[tuple[str, float]]:
        prompts = []
        for taste in recipe.tastes:
            words = (await self._vectors.taste(taste.taste_id)).words
            if words:
                weight = abs(taste.strength) if taste.strength else 1.0
                prompts.append((words, weight))
                notices.append(f"the taste was put into words: {words}")
            else:
                notices.append("the taste has no words: nothing in it stands out")
        return prompts


def _amount(concept: steering_pb2.ConceptWeight) -> float:
    return concept.position if concept.HasField("position") else concept.strength


def _bpm(recipe: steering_pb2.Recipe) -> int | None:
    """The tempo: the one asked for, moved by the slider; None where neither is set."""
    if not recipe.HasField("bpm") and not recipe.sliders.tempo:
        return None
    base = recipe.bpm if recipe.HasField("bpm") else BPM
    return round(min(max(base * 2 ** (0.5 * recipe.sliders.tempo), BPM_MIN), BPM_MAX))


def _scale(key: str) -> str | None:
    """The library's scale of a key such as `F# minor`; None for none."""
    match = _KEY.fullmatch(key.strip())
    if match is None:
        return None
    pitch = _PITCHES[match[1].upper()] + {"#": 1, "b": -1}.get(
        {"s": "#", "f": "b"}.get((match[2] or "")[:1].lower(), match[2] or ""), 0
    )
    is_minor = match[3].lower() in ("minor", "min", "m") and match[3] != "M"
    return _SCALES[(pitch + (3 if is_minor else 0)) % 12]


def _denials(recipe: steering_pb2.Recipe) -> list[str]:
    return [*(prompt.text for prompt in recipe.prompts), recipe.negative_prompt]


def _degree(position: float) -> str:
    return "very " if abs(position) > 0.7 else "slightly " if abs(position) < 0.3 else ""
