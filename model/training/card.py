"""Model card, written from evaluation.json.

It has figures against gates, what falls short, and what the model cannot do.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .codec import WEIGHTS
from .export import GENERATION
from .meters import FIRST_SAMPLE_MAX, MOTION_MIN, OFFSET_MAX, STILL_MIN_S

# The engine's own benchmark: the architecture is what it times, whichever weights are in it.
ENGINE_RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "engine.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One figure of the design against what was measured."""

    name: str
    wanted: str
    measured: str
    is_met: bool

    def row(self) -> str:
        """As a row of the card's table."""
        return f"| {self.name} | {self.wanted} | {self.measured} | {'yes' if self.is_met else '**no**'} |"


def gates(figures: dict[str, Any]) -> list[Gate]:
    """Every gate of the design note."""
    training, tempo, chance = figures["training"], figures["tempo"], figures["random_prompts"]
    gap, ratio = training["frame_0"]["gap"], training["repeat_ratio"]
    pulse, speed = chance["pulse_clarity_median"], figures.get("engine_real_time_factor", 0.0)
    drone = chance["collapsed"]
    perfect, long = figures["renderings"], figures.get("thirty_seconds")
    mel = figures["codec"]["mel_db"]
    return [
        Gate(
            name="Frame 0, shuffled captions less right ones",
            wanted="> 1 nat",
            measured=f"{gap:.2f} nats",
            is_met=gap > 1,
        ),
        Gate(
            name="Loss on repeated bars against the first pass",
            wanted="< 50 %",
            measured=f"{ratio:.0%}",
            is_met=ratio < 0.5,
        ),
        Gate(
            name="Pulse clarity, median over random prompts",
            wanted=f">= 1.0 (renderings: {figures['renderings']['pulse_clarity_median']:.2f})",
            measured=f"{pulse:.2f}",
            is_met=pulse >= 1.0,
        ),
        Gate(
            name="Tempo asked in beats a minute is the tempo tracked, within 4 %, octave-free",
            wanted=f">= 70 % (by chance {tempo['right_octave_free_by_chance']:.0%}; "
            f"renderings: {perfect['tempo']['right_octave_free']:.0%})",
            measured=f"{tempo['right_octave_free']:.0%}",
            is_met=tempo["right_octave_free"] >= 0.7,
        ),
        Gate(
            name="The same, octave included",
            wanted=f"as renderings: {perfect['tempo']['right']:.0%} (by chance {tempo['right_by_chance']:.0%})",
            measured=f"{tempo['right']:.0%}",
            is_met=tempo["right"] >= 0.9 * perfect["tempo"]["right"],
        ),
        Gate(
            name="Asked against tracked tempo, octave nearest to the question, Spearman",
            wanted=">= 0.7",
            measured=f"{tempo['spearman_folded']:.2f} (folding flatters: any clips reach about 0.9)",
            is_met=tempo["spearman_folded"] >= 0.7,
        ),
        Gate(name="Mel distance of the codec, held-out", wanted="<= 5 dB", measured=f"{mel:.2f} dB", is_met=mel <= 5),
        Gate(
            name=f"Collapse (silence, noise, drone, or a tone held over 3 s), random prompts, {chance['seconds']:g} seconds",
            wanted="0",
            measured=f"{drone} of {chance['clips']} ({_kinds(chance)}; the meter errs on {perfect['collapsed']} of "
            f"{perfect['clips']} renderings)",
            is_met=drone == 0,
        ),
        Gate(
            name="The same, thirty seconds",
            wanted="0",
            measured=f"{long['collapsed']} of {long['clips']}" if long else "not measured",
            is_met=long is not None and long["collapsed"] == 0,
        ),
        Gate(
            name="Motion of harmony in transformers' loop (without novelty), cosine distance of chroma second to second, median over random prompts",
            wanted=f">= {MOTION_MIN:.2f} (renderings: {perfect.get('motion_median', 0.0):.2f})",
            measured=f"{chance['motion_median']:.3f}" if "motion_median" in chance else "not measured",
            is_met=chance.get("motion_median", 0.0) >= MOTION_MIN,
        ),
        Gate(
            name=f"One sound for {STILL_MIN_S:g} seconds or more",
            wanted=f"<= 1 % (renderings: {perfect['still']} of {perfect['clips']})",
            measured=f"{chance['still']} of {chance['clips']}",
            is_met=chance["still"] <= 0.01 * chance["clips"],
        ),
        Gate(
            name="DC offset of a clip, the largest",
            wanted=f"<= {OFFSET_MAX:g} of full scale",
            measured=f"{chance['offset_max']:.3f}" if "offset_max" in chance else "not measured",
            is_met=chance.get("offset_max", 1.0) <= OFFSET_MAX,
        ),
        Gate(
            name="First sample of a clip, the largest",
            wanted=f"<= {FIRST_SAMPLE_MAX:g} of full scale",
            measured=f"{chance['first_sample_max']:.3f}" if "first_sample_max" in chance else "not measured",
            is_met=chance.get("first_sample_max", 1.0) <= FIRST_SAMPLE_MAX,
        ),
        Gate(
            name="Real-time factor on one core with our engine, streamed codec included (`make bench`)",
            wanted="<= 0.25",
            measured=f"{speed:.2f}" if speed else "not measured",
            is_met=0 < speed <= 0.25,
        ),
    ]


def card(figures: dict[str, Any]) -> str:
    """The card's whole text."""
    solo, energy = figures["instruments"], figures["energy"]
    contrasts = "\n".join(
        f"| {name.replace('_', ' ')} | {found['pairs_in_order']:.0%} of {found['pairs']} | {found['area_under_curve']:.2f} | "
        f"{found.get('meter_area_under_curve', '')} |"
        for name, found in figures["contrasts"].items()
    )
    heard = ", ".join(
        f"{name} {value:.0%}" for name, value in sorted(solo["by_instrument"].items(), key=lambda item: -item[1])
    )
    weak = ", ".join(
        name.replace("_", " ") for name, found in figures["contrasts"].items() if found["area_under_curve"] < 0.7
    )
    unheard = ", ".join(name for name, value in solo["by_instrument"].items() if value < 0.3)
    tempo, chance = figures["tempo"], figures["random_prompts"]
    typed = tempo["typed"]
    rows = "\n".join(gate.row() for gate in gates(figures))
    return f"""# Resonance embedded

A MusicGen of 8.9 million parameters that lives inside the package, so that the first command makes music on any laptop without
a download. The architecture is exactly MusicGen's (T5 encoder, EnCodec, delay-pattern decoder); the weights were trained from
scratch, on two shared CPU cores in about five hours, on music that our own composer wrote and a MIT-licensed sound font played; the
codec's decoder was trained on for another hour.

    from transformers import AutoProcessor, MusicgenForConditionalGeneration
    processor, model = (cls.from_pretrained(folder) for cls in (AutoProcessor, MusicgenForConditionalGeneration))
    audio = model.generate(**processor(text=["lo-fi chill beat"], return_tensors="pt"), max_new_tokens=504)  # 10 s at 16 kHz

| part | size |
| --- | --- |
| text encoder | T5, 2 layers, 128 wide, word-level tokenizer |
| decoder | 6 layers, 192 wide, 4 heads, 4 codebooks of 1,024 at 50 frames a second |
| codec | EnCodec, 16 kHz mono, 2 kbit/s, non-causal convolutions, one LSTM layer |

## Measured

{rows_header()}
{rows}

Twelve single instruments, four prompts each: the asked one is the most heard in {solo["most_heard_is_asked"]:.0%} of clips (by
chance {solo["by_chance"]:.0%}) and is heard at all in {solo["asked_is_heard"]:.0%}. By instrument (mean probability): {heard}.

Energy words, five levels: Spearman {energy["spearman"]:.2f} with measured loudness; mean loudness by level
{energy["mean_lufs_by_level"]} LUFS.

Little against much of an attribute, the same genres (a listener taught on separate renderings judges; the last column is a meter
that was never taught: loudness, share under 140 Hz, onsets a second, key profile):

| attribute | pairs in the right order | area under curve | by a plain meter |
| --- | --- | --- | --- |
{contrasts}

The listener's own accuracy on renderings: {figures["listener_accuracy_on_renderings"]}. All figures are made by
`python -m model.training.evaluate`; they and more are in `evaluation.json`.

## What falls short

- Tempo: beats a minute are read as the nearest of six (62, 75, 94, 125, 150, 187; "120 bpm" is 125). In which octave the
  beat lies, a meter cannot tell for certain even on renderings. Numbers that users type ({typed["clips"]} clips):
  {typed["right_octave_free"]:.0%} at the tempo meant (by chance {typed["right_octave_free_by_chance"]:.0%}). "Slow" against "fast",
  in one order in {tempo["slow_against_fast_by_onsets"]:.0%} of pairs by onsets a second (by chance 50 %).
- Asked but hardly heard: {unheard or "nothing"}. Attributes hardly told apart: {weak or "none"}.
- {chance["collapsed"]} of {chance["clips"]} random prompts ({chance["seconds"]:g} seconds, guidance
  {GENERATION["guidance_scale"]:g}, temperature {GENERATION["temperature"]:g}, top-k {GENERATION["top_k"]}) collapse: {_kinds(chance)}. {_long(figures)}
  "Held" is a stretch of more than 3 s in which nothing starts (renderings: 1.5 s at most).
- One sound, struck again and again: in {chance["still"]} of those {chance["clips"]} clips the spectrum stands still for five seconds or more, as one chord chugged in
  sixteenths does (of the ten samples: {", ".join(figures["still_samples"]) or "none"}); in {figures["renderings"]["still"]} of {figures["renderings"]["clips"]} renderings it does too.
- Nobody with ears has judged it: every figure here is a meter's, and the listener learned from our own renderings. {_outside(figures)}
- In transformers' own loop a second of music took {figures["speed_transformers_one_thread"]:.2f} core-seconds, on a machine busy with
  other work.

## What it was trained on

Pieces of one or two bars that repeat (the last hour of the codec's decoder: of one to eight), composed by
`model/training/compose.py`: ten genres, six tempi (62 to 187 beats a minute), three major and three minor keys, thirteen timbres and a drum kit of FluidR3_GM (MIT; notice in `model/training/LICENSES.md`).
No recording, no song, no published checkpoint.

## What it cannot do

- It knows loops. It has no verse and chorus, no development, no key change, and it never heard a human play.
- It knows about 400 words (`tokenizer.json`). Any other word is `<unk>` and is passed over; a prompt of unknown words only gets
  free music. It reads no sentence: "not loud" is loud. Punctuation is space; accents are dropped.
- No lyrics and no words: voices are a choir singing "aah".
- Only six tempi sound, in four-four time; odd metres do not exist.
- 2 kbit/s at 16 kHz: cymbals are coarse, dense mixes are veiled.
- Thirty seconds are as far as its positions were trained.
- It is meant for trying out, testing and teaching; for sound quality use a larger MusicGen.

Licence of the weights: that of this repository.
"""


def _kinds(found: dict[str, Any]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in found["kinds"].items()) or "none"


def _outside(figures: dict[str, Any]) -> str:
    found = figures.get("outside")
    if not found:
        return "No tagger trained on real recordings has been asked."
    told = ", ".join(
        f"{name} {value:.2f}" for part in ("instruments", "contrasts") for name, value in found[part].items()
    )
    return f"A tagger trained on real recordings ({found['tagger']}) hears what was asked, as areas under the curve (chance 0.5): {told}."


def _long(figures: dict[str, Any]) -> str:
    found = figures.get("thirty_seconds")
    if not found:
        return "Thirty seconds were not counted."
    return f"Of {found['clips']} clips of thirty seconds, {found['collapsed']} collapse: {_kinds(found)}."


def rows_header() -> str:
    """The gates' table head."""
    return "| gate | wanted | measured | met |\n| --- | --- | --- | --- |"


def main() -> None:
    """Write MODEL_CARD.md beside evaluation.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    figures = json.loads((arguments.folder / "evaluation.json").read_text())
    if ENGINE_RESULTS.exists():
        measured = json.loads(ENGINE_RESULTS.read_text())["ratios"]
        figures["engine_real_time_factor"] = measured.get("embedded_rtf_one_core", 0.0)
    (arguments.folder / "MODEL_CARD.md").write_text(card(figures))


if __name__ == "__main__":
    main()
