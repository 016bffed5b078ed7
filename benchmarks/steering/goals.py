"""Goals of the bench: target, measured value and verdict.

Missed goals are included.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

SIDES = ("up", "down")
SHIPS = "contrast 1"  # what a taste is unless its options say otherwise
Goal = tuple[str, str, str, str]


def goals_of(found: dict[str, Any]) -> Iterator[Goal]:
    """All goals of what was found so far: goal, wanted, measured, verdict."""
    sides = [(name, side, found["sliders"][name]["sides"][side]) for name in found["sliders"] for side in SIDES]
    if sides:
        yield from slider_goals(sides, found.get("frechet_by_chance", float("nan")))
    stacking = found["stacking"]
    for word, wanted in (("pairs", 0.9), ("triples", 0.8)):
        if row := stacking.get(f"{word}_joint"):
            measured = f"{row['as_asked']:.0%} of {row['count']}, {row['clips']} clips each"
            if plain := stacking.get(f"{word}_sum"):
                measured += f" (plain sum {plain['as_asked']:.0%}, {plain['clips']} clips each)"
            yield (
                f"{word} of sliders in which every part moves as asked",
                f">= {wanted:.0%}",
                measured,
                _verdict(row["as_asked"] >= wanted),
            )
    if tastes := found["tastes"]:
        yield from taste_goals(tastes)
    if held := found["held"]:
        measured = f"{held['steered']:.0%} (no knob: {held['plain']:.0%})"
        yield (
            "a knob held for 60 s: farthest ten seconds from the mean level",
            "<= 10%",
            measured,
            _verdict(held["steered"] <= 0.1),
        )
    if live := found.get("knob_to_ear"):
        yield from _live_goals(live)


def _live_goals(live: dict[str, Any]) -> Iterator[Goal]:
    limit = 250 + live["chunk_ms"]
    measured = f"; {live['commit'][:12]}, {live['date'][:10]}" if "commit" in live else ""
    for name, one in (("alone", live), (f"beside {live['beside']['takes']} takes in the making", live["beside"])):
        yield (
            f"knob to ear, live over gRPC, chunks of {live['chunk_ms']:.0f} ms, {name}",
            f"<= {limit:.0f} ms",
            f"{one['median_ms']:.0f} ms in the middle, worst of {one['turns']} turns {one['worst_ms']:.0f} ms; {one['late']} of "
            f"{one['chunks']} chunks late, the closest {one['closest_ms']:.0f} ms early{measured}",
            _verdict(one["median_ms"] <= limit),
        )


def slider_goals(sides: list[tuple[str, str, dict[str, Any]]], chance: float) -> Iterator[Goal]:
    """The sliders' goals. `sides` are slider, side and figures; `chance` is the Frechet ratio of unsteered clips."""
    open_sides = [(name, side, one) for name, side, one in sides if not one["closed"]]
    monotone = [one for _, _, one in open_sides if one["spearman"] >= 0.9]
    anywhere = sum(one["spearman_all"] >= 0.9 for _, _, one in sides)
    yield (
        "monotone inside the safe range: Spearman(strength, score) >= 0.9",
        "12 of 14 sides",
        f"{len(monotone)} of {len(sides)} ({len(sides) - len(open_sides)} sides are closed; over all strengths tried {anywhere})",
        _verdict(len(monotone) >= 12),
    )
    for name, key, wanted, word in (
        ("tempo", "tempo", 0.3, "tempo"),
        ("instrument_density", "onsets", 0.3, "onset rate, by instrument density"),
        ("bass_resonance", "low_share", 0.25, "low-band share, by bass"),
    ):
        both = {side: one for slider, side, one in sides if slider == name}
        if not both:  # not rendered yet
            continue
        measured = ", ".join("closed" if both[s]["closed"] else f"{both[s][key]:+.0%}" for s in SIDES if s in both)
        if name == "tempo":
            folded = [f"{both[s]['tempo_folded']:+.0%}" for s in SIDES if s in both and not both[s]["closed"]]
            measured += f" (octaves folded: {', '.join(folded)})"
        is_met = all(
            not both[s]["closed"] and both[s][key] * (1 if s == "up" else -1) >= wanted for s in SIDES if s in both
        )
        yield f"size at the ends: {word}", f"+-{wanted:.0%}", measured, _verdict(is_met)
    if not open_sides:
        return
    far = [one["frechet"] for _, _, one in open_sides if one["frechet"]]  # 0: too few clips to say
    good = sum(ratio <= 1.25 for ratio in far)
    measured = f"{good} of {len(open_sides)} open"
    measured += (
        f" (worst {max(far):.2f}x, median {np.median(far):.2f}x; by chance {chance:.2f}x)"
        if far
        else " (too few clips)"
    )
    yield "Frechet distance at the ends", "<= 1.25x unsteered", measured, _verdict(good == len(open_sides))
    failed, clips = sum(one["failed"] for _, _, one in open_sides), sum(one["clips"] for _, _, one in open_sides)
    yield "clips at the ends that fail a gate", "0", f"{failed} of {clips}", _verdict(failed == 0)
    specific = sum(one["specificity"] >= 3.6 for _, _, one in open_sides)
    measured = f"{specific} of {len(open_sides)} open sides (median {np.median([one['specificity'] for _, _, one in open_sides]):.1f}x)"
    yield "own effect over the mean effect on the other six", ">= 3.6x", measured, _verdict(specific == len(open_sides))


def taste_goals(tastes: dict[str, Any]) -> Iterator[Goal]:
    """The tastes' goals."""
    if judged := tastes.get("judged"):
        ships, words = judged.get(SHIPS, float("nan")), judged.get("words", float("nan"))
        measured = f"{ships:.0%} ({SHIPS}); words alone {words:.0%}; chance {tastes['chance']:.0%}; "
        measured += f"real tracks {tastes['real_tracks_judged']:.0%}"
        is_met = ships >= 3 * tastes["chance"] and ships > words
        yield (
            "the right playlist of 8, from steered clips, by a judge",
            ">= 3x chance, above words",
            measured,
            _verdict(is_met),
        )
    halves = tastes["split_half"]
    count, half = list(halves["contrast"].items())[-1]  # what a taste is unless its options say otherwise
    measured = (
        f"{half:.2f} (contrast, as it ships; the mean {halves['mean'][count]:.2f}; of fewer tracks less, see below)"
    )
    yield f"split-half cosine of a taste ({count} tracks against {count})", ">= 0.9", measured, _verdict(half >= 0.9)


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "**missed**"
