"""Examination of long takes: onsets, level and motion at the start and at the end.

The takes go through the product's own windows. The command is resumable.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from librosa.onset import onset_detect, onset_strength
from numpy.typing import NDArray

from resonance.settings import Settings
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.decoder.window import choose_anchor_frames, choose_context_sizes
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders import load_model

from .codec import WEIGHTS
from .meters import HOP, RATE_HZ, motion
from .sampling_search import circumstances

FIGURES: Final = Path("model/training/figures/long-takes.json")
TAKES: Final = (  # prompt, seed; the first eight are those of the field report that fell apart
    ("upbeat jazz trio", 501),
    ("real time listener 2", 2),
    ("electronic dance track with a drop", 503),
    ("calm piano for studying", 500),
    ("cinematic orchestra", 502),
    ("real time listener 1", 1),
    ("real time listener 3", 3),
    ("real time listener 4", 4),
    ("lo-fi chill beat", 11),
    ("rock electric guitar 150 bpm", 12),
    ("happy folk acoustic guitar", 13),
    ("funk with trumpet and drums", 14),
    ("techno 125 bpm deep bass", 15),
    ("epic cinematic strings", 16),
    ("slow ambient pad", 17),
    ("hip hop beat with bass", 18),
)
FIRST_S: Final = (5.0, 30.0)
LAST_S: Final = 25.0
TOGETHER: Final = 8  # takes of one batch; a take does not depend on the others
ONSETS_TOLERANCE: Final = 0.3
LEVEL_TOLERANCE_DB: Final = 2.0

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Readings of a part of a take."""

    onsets_per_s: float
    level_db: float
    motion: float


def stretches(audio: Audio) -> tuple[Stretch, Stretch]:
    """Seconds 5 to 30 and the last 25 seconds; onsets are found over the whole take, by one threshold."""
    strength = onset_strength(y=audio, sr=RATE_HZ, hop_length=HOP)
    onsets = onset_detect(onset_envelope=strength, sr=RATE_HZ, hop_length=HOP) * HOP / RATE_HZ
    end = len(audio) / RATE_HZ

    def read(start: float, stop: float) -> Stretch:
        part = audio[round(start * RATE_HZ) : round(stop * RATE_HZ)]
        return Stretch(
            onsets_per_s=round(float(((onsets >= start) & (onsets < stop)).sum() / (stop - start)), 2),
            level_db=round(float(10 * np.log10(np.mean(np.square(part, dtype=np.float64)) + 1e-10)), 1),
            motion=round(motion(part), 3),
        )

    return read(*FIRST_S), read(end - LAST_S, end)


def holds(first: Stretch, last: Stretch) -> bool:
    """True where onsets and level of the end are those of the start, within the tolerances."""
    return (
        abs(last.onsets_per_s - first.onsets_per_s) <= ONSETS_TOLERANCE * first.onsets_per_s
        and abs(last.level_db - first.level_db) <= LEVEL_TOLERANCE_DB
    )


@torch.inference_mode()
def play(
    model: LoadedModel,
    takes: list[tuple[str, int]],
    seconds: int,
    *,
    is_aligned: bool,
    is_anchored: bool,
    novelty: float,
) -> list[Audio]:
    """Takes by the model's default sampling but for `novelty`, in one batch.

    `is_aligned` lets windows move by periods of the music, `is_anchored` keeps the first bars in every window.
    """
    window, defaults = model.config.window_steps, model.description.sampling
    context, slack = choose_context_sizes(window, model.config.delay_max)
    if not is_aligned:
        context, slack = window // 2, 0
    frames = seconds * model.description.frame_rate_hz
    sequences = [
        TokenSequence(
            model.decoder,
            CacheSlot(model.config, model.decoder.condition([(states, 1.0)])),
            Sampling(
                guidance_scale=defaults.guidance_scale,
                temperature=defaults.temperature,
                top_k=defaults.top_k,
                seed=seed,
                novelty=novelty,
            ),
            frame_count=frames,
            window_steps=window,
            context_frames=context,
            context_slack=slack,
            anchor_frames=choose_anchor_frames(context) if is_anchored else 0,
        )
        for states, (_, seed) in zip(model.encode_text([prompt for prompt, _ in takes]), takes, strict=True)
    ]
    while not sequences[0].is_finished:
        advance(model.decoder, sequences)
    clips = [model.codec.open_stream().finish(sequence.frames(0, frames)) for sequence in sequences]
    return [clip[0].numpy().astype(np.float32) for clip in clips]


def examined(
    model: LoadedModel,
    takes: list[tuple[str, int]],
    seconds: int,
    *,
    is_aligned: bool,
    is_anchored: bool,
    novelty: float,
) -> list[dict[str, Any]]:
    """The takes' rows."""
    clips = play(model, takes, seconds, is_aligned=is_aligned, is_anchored=is_anchored, novelty=novelty)
    ends = [stretches(audio) for audio in clips]
    return [
        {
            "prompt": prompt,
            "seed": seed,
            "seconds": seconds,
            "aligned": is_aligned,
            "anchored": is_anchored,
            "novelty": novelty,
            "first": asdict(first),
            "last": asdict(last),
            "holds": holds(first, last),
        }
        for (prompt, seed), (first, last) in zip(takes, ends, strict=True)
    ]


def window_kind(row: dict[str, Any]) -> str:
    """Name of the windows of a take."""
    kind = ("by periods" if row["aligned"] else "fixed") + (", anchored" if row["anchored"] else "")
    return kind + (f", novelty {row['novelty']:g}" if row["novelty"] else "")


def table(figures: dict[str, Any]) -> str:
    """The page beside the figures."""
    rows = figures["rows"]
    groups = sorted({(row["seconds"], window_kind(row)) for row in rows})
    counts = "\n".join(
        f"* {seconds} s, {kind}: {sum(row['holds'] for row in some)} of {len(some)} hold"
        for seconds, kind in groups
        for some in [[row for row in rows if (row["seconds"], window_kind(row)) == (seconds, kind)]]
    )
    lines = "\n".join(
        f"| {row['prompt']}, {row['seed']} | {row['seconds']} | {window_kind(row)} | "
        + " | ".join(
            f"{row['first'][name]:g}, {row['last'][name]:g}" for name in ("onsets_per_s", "level_db", "motion")
        )
        + f" | {'yes' if row['holds'] else '**no**'} |"
        for row in rows
    )
    return f"""# Long takes

Written by `python -m model.training.long_takes` on {figures["date"]}, {figures["machine"]}, commit {figures["commit"]}. Each cell
has seconds 5 to 30 and the last 25 seconds. A take holds where onsets differ by at most 30 % and the level by 2 dB.

{counts}

| take | s | window | onsets a second | level, dB | motion | holds |
| --- | --- | --- | --- | --- | --- | --- |
{lines}
"""


def main() -> None:
    """Examine the takes that are not in the figures yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument("--seconds", type=int, default=90)
    parser.add_argument("--takes", type=int, default=len(TAKES), help="of the list, from its beginning")
    parser.add_argument("--fixed", action="store_true", help="windows that move by a fixed length, as they did before")
    parser.add_argument("--no-anchor", action="store_true", help="windows without the take's first bars")
    parser.add_argument("--novelty", type=float, help="the model's own without it")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = json.loads(arguments.figures.read_text())["rows"] if arguments.figures.exists() else []
    rows = [{"novelty": 0.0, **row} for row in rows]  # of the time before there was any
    model = load_model(Settings.model_validate({"model": str(arguments.folder)}))
    novelty = model.description.sampling.novelty if arguments.novelty is None else arguments.novelty
    asked: dict[str, Any] = {
        "is_aligned": not arguments.fixed,
        "is_anchored": not arguments.no_anchor,
        "novelty": novelty,
    }
    named = ("prompt", "seed", "seconds", "aligned", "anchored", "novelty")
    known = {tuple(row[name] for name in named) for row in rows}
    left = [take for take in TAKES[: arguments.takes] if (*take, arguments.seconds, *asked.values()) not in known]
    for start in range(0, len(left), TOGETHER):
        rows += examined(model, left[start : start + TOGETHER], arguments.seconds, **asked)
        print(*rows[-TOGETHER:], sep="\n", flush=True)
        figures = {**circumstances(), "rows": rows}
        arguments.figures.write_text(json.dumps(figures, indent=1) + "\n")
        arguments.figures.with_suffix(".md").write_text(table(figures))


if __name__ == "__main__":
    main()
