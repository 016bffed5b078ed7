"""Mixes of tastes as text (`A + 0.5 B - C`), and paths from one mix to another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from resonance.errors import invalid_field
from resonance.v1 import generate_pb2, steering_pb2

TASTES_MAX = 8  # Recipe.tastes
STRENGTH_MAX = 8.0
# The length of a bar where the recipe asks for no tempo.
BPM_ASSUMED = 120.0
BEATS_PER_BAR = 4
_TASTE_ID = re.compile(r"[a-z0-9_-]{1,64}")
_NUMBER = re.compile(r"\d+(\.\d+)?|\.\d+")


def parse_taste_mix(text: str, *, field: str = "mix") -> dict[str, float]:
    """Strengths by taste id of a text such as `A + 0.5 B - C`. The signs stand between spaces, because ids may hold hyphens.

    Raises:
        InvalidInput: MALFORMED where the text is not such a sum, TOO_LONG with more than TASTES_MAX tastes, CONFLICT for a taste twice,
            TOO_LARGE for a strength above STRENGTH_MAX.
    """
    mix: dict[str, float] = {}
    words = text.replace("\N{MINUS SIGN}", "-").split()
    sign, amount, is_open = 1.0, 1.0, True
    for word in words:
        if word in ("+", "-"):
            if is_open and mix:
                raise invalid_field(field, "MALFORMED", f"a taste is missing before `{word}`")
            sign, amount, is_open = -1.0 if word == "-" else 1.0, 1.0, True
        elif is_open and amount == 1.0 and _NUMBER.fullmatch(word) and word != words[-1]:
            amount = float(word)
        elif is_open and _TASTE_ID.fullmatch(word):
            if word in mix:
                raise invalid_field(field, "CONFLICT", f"taste {word} stands there twice")
            mix[word], is_open = sign * amount, False
        else:
            raise invalid_field(
                field, "MALFORMED", f"`{word}` does not belong there; write `A + 0.5 B - C` with taste ids"
            )
    if is_open or not mix:
        raise invalid_field(field, "MALFORMED", "a taste is missing at the end; write `A + 0.5 B - C` with taste ids")
    if len(mix) > TASTES_MAX:
        raise invalid_field(field, "TOO_LONG", f"a mix has at most {TASTES_MAX} tastes")
    if any(abs(strength) > STRENGTH_MAX for strength in mix.values()):
        raise invalid_field(field, "TOO_LARGE", f"strengths go from -{STRENGTH_MAX:g} to {STRENGTH_MAX:g}")
    return mix


def to_taste_weights(mix: Mapping[str, float]) -> list[steering_pb2.TasteWeight]:
    """The tastes of a recipe for a mix."""
    return [steering_pb2.TasteWeight(taste_id=taste_id, strength=strength) for taste_id, strength in mix.items()]


def add_taste_path(
    request: generate_pb2.GenerateRequest,
    goal: Iterable[steering_pb2.TasteWeight],
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    beats_per_bar: int = BEATS_PER_BAR,
    tempi_bpm: Sequence[float] = (),
) -> None:
    """Turns a request's tastes into those of `goal` between two times (absent: until its end), a step at every bar line.

    Bars are counted from the take's beginning. They have the recipe's tempo, or of `tempi_bpm`, those that the model plays, the nearest
    to it; without a tempo a beat lasts half a second. Strengths change in equal steps. A taste that stands on one side alone comes from 0
    or goes to 0.

    Raises:
        InvalidInput: CONFLICT where the request has recipe changes of its own, OUT_OF_ORDER where the path ends before it begins or after
            the take, TOO_LONG where both sides together have more than TASTES_MAX tastes.
    """
    if request.recipe_changes:
        raise invalid_field(
            "taste_path", "CONFLICT", "a path makes the recipe changes itself: leave `recipe_changes` out"
        )
    end_s = request.duration_s if end_s is None else end_s
    if not start_s < end_s <= request.duration_s:
        message = f"must lie after {start_s:g} s and not after the take's end at {request.duration_s:g} s"
        raise invalid_field("taste_path.end_s", "OUT_OF_ORDER", message)
    before = {taste.taste_id: taste for taste in request.recipe.tastes}
    after = {taste.taste_id: taste for taste in goal}
    names = [*dict.fromkeys([*before, *after])]
    if len(names) > TASTES_MAX:
        raise invalid_field(
            "taste_path.tastes", "TOO_LONG", f"both sides have {len(names)} tastes; {TASTES_MAX} at most"
        )
    asked = request.recipe.bpm if request.recipe.HasField("bpm") else BPM_ASSUMED
    bpm = min(tempi_bpm, key=lambda known: max(known / asked, asked / known), default=asked)
    bar_s = beats_per_bar * 60.0 / (bpm if request.recipe.HasField("bpm") else asked)
    number = 1
    while (at_s := number * bar_s) < request.duration_s and at_s - bar_s < end_s:
        number += 1
        if at_s <= start_s:
            continue
        share = min(1.0, (at_s - start_s) / (end_s - start_s))
        change = request.recipe_changes.add(start_s=at_s, recipe=request.recipe)
        del change.recipe.tastes[:]
        for name in names:
            taste = change.recipe.tastes.add()
            taste.CopyFrom(before.get(name) or after[name])
            from_strength = before[name].strength if name in before else 0.0
            to_strength = after[name].strength if name in after else 0.0
            taste.strength = round(from_strength + share * (to_strength - from_strength), 6)
