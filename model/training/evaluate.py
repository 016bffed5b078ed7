"""Evaluation: every figure of the card, recomputed from an exported folder with independent meters, with pictures and samples."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from . import corpus, pictures
from .captions import ENERGY_WORDS, INSTRUMENT_WORDS, caption
from .compose import SOLOISTS, compose
from .export import WEIGHTS
from .generate import Generator
from .listener import Listener, lessons, taught
from .meters import Reading, folded, read
from .render import render_piece
from .synth import Synth
from .text import CLASSES, INSTRUMENTS
from .train_codec import measure

SHOWN: Final = (
    "fast energetic drums and bass",
    "slow calm piano",
    "lo-fi chill beat",
    "epic cinematic strings",
    "rock electric guitar 150 bpm",
    "happy folk acoustic guitar",
    "sad slow choir",
    "techno 125 bpm deep bass",
    "jazz piano trio",
    "funk with trumpet and drums",
)
TEMPO_GENRES: Final = ("rock drums", "techno", "funk drums", "hip hop beat", "drums and bass", "lo-fi beat with drums")
BPM: Final = (62, 75, 94, 125, 150, 187)
CONTRASTS: Final = {  # attribute: prompts for little, prompts for much
    "energy": (("calm quiet {}", "soft gentle {}"), ("loud powerful {}", "intense energetic {}")),
    "bass_resonance": (("{} without bass", "{} no bass"), ("{} with deep bass", "{} heavy bass")),
    "instrument_density": (("minimal {}", "sparse {}"), ("full band {}", "dense {}")),
    "vocal_presence": (("instrumental {}", "{} no vocals"), ("{} with choir", "{} with vocals")),
    "harmonic_complexity": (("{} simple chords", "{} simple harmony"), ("{} complex chords", "{} jazzy chords")),
    "emotional_tension": (("happy {}", "cheerful {}"), ("tense {}", "ominous {}")),
    "mode": (("happy {} in c major", "uplifting {}"), ("sad {}", "melancholic {} minor key")),
}
CONTRAST_GENRES: Final = ("rock", "lo-fi", "classical", "funk")

Clip = NDArray[np.float32]


class Examination:
    """One exported folder under examination; every method returns figures for evaluation.json."""

    def __init__(self, folder: Path, batch: int = 12) -> None:
        self.generator = Generator(folder)
        self._batch = batch

    def clips(self, prompts: list[str], seed: int, seconds: float = 6.0) -> list[Clip]:
        """One clip per prompt, in batches; the listener hears five seconds."""
        made: list[Clip] = []
        for start in range(0, len(prompts), self._batch):
            made += self.generator.play(prompts[start : start + self._batch], seconds, seed + start)
        return made

    def tempo(self) -> dict[str, Any]:
        """Asked against tracked tempo, raw and with the octave nearest to the question, and what folding alone would score."""
        asked = [bpm for bpm in BPM for _ in TEMPO_GENRES]
        clips = self.clips([f"{genre} {bpm} bpm" for bpm in BPM for genre in TEMPO_GENRES], 100, 10.0)
        tracked = [read(clip).tempo_bpm for clip in clips]
        near = [folded(value, bpm) for value, bpm in zip(tracked, asked, strict=True)]
        order = Random(1).sample(range(len(asked)), len(asked))
        chance = [folded(tracked[other], bpm) for other, bpm in zip(order, asked, strict=True)]
        close = np.mean([abs(value / bpm - 1) < 0.08 for value, bpm in zip(near, asked, strict=True)])
        chance_close = np.mean([abs(value / bpm - 1) < 0.08 for value, bpm in zip(chance, asked, strict=True)])
        return {
            "spearman_raw": _rho(asked, tracked),
            "spearman_folded": _rho(asked, near),
            "spearman_folded_by_chance": _rho(asked, chance),
            "within_8_percent": round(float(close), 3),
            "within_8_percent_by_chance": round(float(chance_close), 3),
            "clips": len(asked),
        }

    def instruments(self, listener: Listener) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """Single instruments asked for, and those the listener hears: asked x heard mean probabilities."""
        names, takes = list(SOLOISTS), 4
        prompts = [
            f"{word} {INSTRUMENT_WORDS[name][0]}".strip() for name in names for word in ("", "solo", "", "only")[:takes]
        ]
        heard = listener.listen(self.clips(prompts, 200))["instruments"].numpy()
        columns = [INSTRUMENTS.index(name) for name in names]
        table = heard[:, columns].reshape(len(names), takes, len(names))
        right = [int(np.argmax(table[row, take]) == row) for row in range(len(names)) for take in range(takes)]
        present = [float(table[row, take, row] > 0.5) for row in range(len(names)) for take in range(takes)]
        matrix = np.asarray(table.mean(1), np.float64)
        return {
            "most_heard_is_asked": round(float(np.mean(right)), 3),
            "asked_is_heard": round(float(np.mean(present)), 3),
            "by_chance": round(1 / len(names), 3),
            "clips": len(prompts),
            "by_instrument": {name: round(float(matrix[row, row]), 3) for row, name in enumerate(names)},
        }, matrix

    def energy(self) -> dict[str, Any]:
        """Five levels of energy words against measured loudness."""
        prompts = [
            f"{word} {genre}"
            for words in ENERGY_WORDS
            for word in words[:2]
            for genre in ("piano", "rock", "lo-fi", "electronic")
        ]
        asked = [level for level in range(5) for _ in range(8)]
        loud = [read(clip).loudness_lufs for clip in self.clips(prompts, 300)]
        means = [
            round(float(np.mean([value for value, level in zip(loud, asked, strict=True) if level == wanted])), 1)
            for wanted in range(5)
        ]
        return {"spearman": _rho(asked, loud), "mean_lufs_by_level": means, "clips": len(prompts)}

    def contrasts(self, listener: Listener) -> dict[str, Any]:
        """For each attribute, how often the "much" prompt is heard as more than the "little" prompt of the same genre."""
        found: dict[str, Any] = {}
        for index, (name, (little, much)) in enumerate(CONTRASTS.items()):
            prompts = [form.format(genre) for forms in (little, much) for form in forms for genre in CONTRAST_GENRES]
            clips = self.clips(prompts, 400 + 50 * index)
            levels = (listener.listen(clips)[name].numpy() * np.arange(CLASSES[name])).sum(1)
            low, high = levels[: len(levels) // 2], levels[len(levels) // 2 :]
            found[name] = {
                "pairs_in_order": round(float(np.mean(high > low)), 3),
                "area_under_curve": _auc(low, high),
                **_meter(name, clips),
            }
        return found

    def random_prompts(self, count: int, seeds: int) -> dict[str, Any]:
        """Captions of pieces never composed before: signs of collapse, and pulse clarity where drums were asked for."""
        random = Random(77)
        prompts = [caption(compose(20_000_000 + index).labels.as_dict(), random) for index in range(count)]
        readings = [read(clip) for seed in range(seeds) for clip in self.clips(prompts, 900 + 1000 * seed, 10.0)]
        kinds = Counter(reading.collapse for reading in readings if reading.collapse)
        pulses = [reading.pulse_clarity for reading in readings]
        return {
            "clips": len(readings),
            "collapsed": sum(kinds.values()),
            "kinds": dict(kinds),
            "pulse_clarity_median": round(float(np.median(pulses)), 3),
            "loudness_median_lufs": round(float(np.median([r.loudness_lufs for r in readings])), 1),
        }

    def speed(self) -> float:
        """Core-seconds per second of music: one clip, guided, one thread, transformers' own loop."""
        self.generator.play(["lo-fi beat"], 1.0, 0)
        start = time.process_time()
        self.generator.play(["lo-fi beat"], 10.0, 0)
        return round((time.process_time() - start) / 10, 3)


def _meter(name: str, clips: list[Clip]) -> dict[str, float]:
    """The same contrast by a meter that was never taught anything, where there is one."""
    meters: dict[str, Any] = {
        "energy": lambda r: r.loudness_lufs,
        "bass_resonance": lambda r: r.bass_share,
        "instrument_density": lambda r: r.onsets_per_s,
        "mode": lambda r: r.minor_margin,
    }
    if name not in meters:
        return {}
    values = np.array([meters[name](read(clip)) for clip in clips])
    return {"meter_area_under_curve": _auc(values[: len(values) // 2], values[len(values) // 2 :])}


def _auc(low: NDArray[np.floating], high: NDArray[np.floating]) -> float:
    return round(float(np.mean(high[:, None] > low[None, :])), 3)


def _rho(asked: list[Any], found: list[Any]) -> float:
    return round(float(spearmanr(asked, found).statistic), 3)


def rendered(count: int) -> dict[str, Any]:
    """The same meters on the composer's own renderings, looped to ten seconds: what perfect would read."""
    synth, pulses = Synth(), []
    for seed in range(30_000_000, 30_000_000 + count):
        piece = compose(seed)
        audio = render_piece(synth, piece)
        loop = audio[piece.loop_frames * 320 : 2 * piece.loop_frames * 320]
        pulses.append(read(np.tile(loop, -(-160_000 // len(loop)))[:160_000].astype(np.float32)).pulse_clarity)
    return {"clips": count, "pulse_clarity_median": round(float(np.median(pulses)), 3)}


def last_gates() -> dict[str, Any]:
    """The last evaluation line of the training log."""
    log = corpus.WORK / "player" / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return next((line for line in reversed(lines) if "frame_0" in line), {})


def save_samples(clips: list[Clip], prompts: tuple[str, ...], folder: Path) -> list[Reading]:
    """Ten Ogg/Opus files, named by their prompts."""
    folder.mkdir(parents=True, exist_ok=True)
    for prompt, clip in zip(prompts, clips, strict=True):
        soundfile.write(
            folder / f"{prompt.replace(' ', '-')}.ogg",
            clip,
            16_000,
            format="OGG",
            subtype="OPUS",
            compression_level=0.87,
        )
    return [read(clip) for clip in clips]


def main() -> None:
    """Examine a folder and write evaluation.json, the pictures and the samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--figures", type=Path, default=Path("model/training/figures"))
    parser.add_argument("--samples", type=Path, default=Path("model/training/samples"))
    parser.add_argument(
        "--part", choices=("all", "asked", "random"), default="all", help="the two parts can run side by side"
    )
    parser.add_argument("--lessons", type=int, default=900)
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    examination = Examination(arguments.folder)
    path = arguments.folder / "evaluation.json"
    if arguments.part != "random":
        figures = _asked_and_heard(examination, arguments)
    else:
        figures = {"random_prompts": examination.random_prompts(arguments.prompts, arguments.seeds)}
    if arguments.part == "all":
        figures["random_prompts"] = examination.random_prompts(arguments.prompts, arguments.seeds)
    known = json.loads(path.read_text()) if path.exists() and arguments.part != "all" else {}
    path.write_text(json.dumps({**known, **figures}, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def _asked_and_heard(examination: Examination, arguments: argparse.Namespace) -> dict[str, Any]:
    shown = examination.clips(list(SHOWN), 1, 10.0)
    save_samples(shown, SHOWN, arguments.samples)
    pictures.spectrograms(shown, SHOWN, arguments.figures / "ten-prompts.png")
    pictures.curves(arguments.figures / "training-curves.png")
    listener, skill = _listener(examination, arguments.lessons)
    solo, matrix = examination.instruments(listener)
    pictures.confusion(matrix, SOLOISTS, arguments.figures / "asked-and-heard.png")
    return {
        "listener_accuracy_on_renderings": skill,
        "instruments": solo,
        "tempo": examination.tempo(),
        "energy": examination.energy(),
        "contrasts": examination.contrasts(listener),
        "renderings": rendered(40),
        "speed_transformers_one_thread": examination.speed(),
        "codec": measure(examination.generator.model.audio_encoder, with_codes=True),
        "training": last_gates(),
    }


def _listener(examination: Examination, count: int) -> tuple[Listener, dict[str, float]]:
    """The listener, kept in the work folder with its lessons, because teaching it takes minutes."""
    path = corpus.WORK / "listener.pt"
    if path.exists():
        heard, wanted = torch.load(path, weights_only=True)
    else:
        heard, wanted, _ = lessons(count, examination.generator.model.audio_encoder)
        torch.save((heard, wanted), path)
    listener, skill = taught(heard, wanted)
    return listener, {name: round(value, 3) for name, value in skill.items()}


if __name__ == "__main__":
    main()
