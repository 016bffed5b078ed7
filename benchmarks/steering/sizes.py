"""Sizes and prompts of the bench.

None of the prompts made a direction.
"""

from __future__ import annotations

from dataclasses import dataclass

# Disjoint from the sliders' prompt pairs, the calibration's prompts and the reference's prompts; tests/unit/benchmarks holds that.
PROMPTS = (
    "lo-fi hip hop with electric piano",
    "folk with acoustic guitar and flute",
    "cinematic strings and choir",
    "funk with electric guitar and drums",
    "ambient pad with piano",
    "jazz trio with trumpet",
    "rock with electric guitar and drums",
    "electronic with synth bass and drums",
    "classical piano and strings",
    "hip hop beat with bass guitar",
    "acoustic guitar solo",
    "choir with organ",
    "trumpet and drums",
    "electric piano and flute",
    "synth with drums at medium tempo",
    "strings with piano",
    "funk bass guitar and organ",
    "cinematic drums with trumpet",
    "folk flute solo",
    "lo-fi guitar with drums",
    "jazz organ with drums",
    "ambient choir and synth pad",
    "rock with organ and bass guitar",
    "classical flute and strings",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A size of the bench. Strengths are shares of a side's safe end; those beyond 1 show what lies outside.

    `end_seeds` are those of the end itself, and `stacked_prompts` those of joint stacking: both are told by single means, of which chance
    takes a share (the mean absolute effect on six other sliders is 0.09 with 48 clips where there is none).
    """

    prompts: int
    seeds: int
    strengths: tuple[float, ...]
    clip_s: float
    few_prompts: int  # for plain sums, tastes and variants
    triples: int
    held_s: float
    end_seeds: int
    stacked_prompts: int


SIZES = {
    "tiny": Size(
        prompts=2,
        seeds=1,
        strengths=(0.5, 1.0),
        clip_s=4.0,
        few_prompts=1,
        triples=1,
        held_s=8.0,
        end_seeds=1,
        stacked_prompts=1,
    ),
    "small": Size(
        prompts=16,
        seeds=1,
        strengths=(0.25, 0.5, 0.75, 1.0),
        clip_s=6.0,
        few_prompts=4,
        triples=10,
        held_s=60.0,
        end_seeds=1,
        stacked_prompts=4,
    ),
    "medium": Size(
        prompts=12,
        seeds=2,
        strengths=(0.2, 0.4, 0.7, 1.0, 1.6),
        clip_s=8.0,
        few_prompts=6,
        triples=20,
        held_s=60.0,
        end_seeds=2,
        stacked_prompts=6,
    ),
    "wide": Size(
        prompts=24,
        seeds=2,
        strengths=(0.25, 0.5, 0.75, 1.0),
        clip_s=6.0,
        few_prompts=4,
        triples=20,
        held_s=60.0,
        end_seeds=4,
        stacked_prompts=12,
    ),
    "full": Size(
        prompts=24,
        seeds=2,
        strengths=(0.15, 0.3, 0.5, 0.7, 0.85, 1.0, 1.6),
        clip_s=10.0,
        few_prompts=8,
        triples=35,
        held_s=60.0,
        end_seeds=4,
        stacked_prompts=24,
    ),
}
FIRST_SEED = 900_001
