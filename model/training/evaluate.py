"""Evaluation of an exported folder: figures, pictures, samples.

Every figure of the card is recomputed with independent meters.
"""

from __future__ import annotations

import argparse
import hashlib
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

from . import corpus, outside, pictures
from .captions import ENERGY_WORDS, INSTRUMENT_WORDS, caption
from .codec import WEIGHTS, frozen_codec
from .compose import SOLOISTS, compose
from .generate import Generator
from .listener import Listener, lessons, taught
from .meters import MOTION_MIN, STILL_MIN_S, Reading, folded, read, same_tempo
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
BPM: Final = {62: 62.5, 75: 75.0, 94: 93.75, 125: 125.0, 150: 150.0, 187: 187.5}  # as typed, as it should sound
TYPED_BPM: Final = {60: 62.5, 70: 75.0, 80: 75.0, 90: 93.75, 100: 93.75, 110: 125.0, 120: 125.0, 140: 150.0, 170: 187.5}
CONTRASTS: Final = {  # attribute: prompts for little, prompts for much
    "energy": (("calm quiet {}", "soft gentle {}"), ("loud powerful {}", "intense energetic {}")),
    "bass_resonance": (("{} without bass", "{} no bass"), ("{} with deep bass", "{} heavy bass")),
    "instrument_density": (("minimal {}", "sparse {}"), ("full band {}", "dense {}")),
    "vocal_presence": (("instrumental {}", "{} no vocals"), ("{} with choir", "{} with vocals")),
    "harmonic_complexity": (("{} simple chords", "{} simple harmony"), ("{} complex chords", "{} jazzy chords")),
    "emotional_tension": (("happy {}", "cheerful {}"), ("tense {}", "ominous {}")),
    "mode": (("happy {} in c major", "uplifting {}"), ("sad {}", "melancholic {} minor key")),
}
PARTS: Final = {  # the parts, which can run side by side, and the last figure of each
    "asked": "training",
    "contrasts": "contrasts",
    "tempo": "energy",
    "random": "random_prompts",
    "long": "thirty_seconds",
    "outside": "outside",
}
CONTRAST_GENRES: Final = ("rock", "lo-fi", "classical", "funk")
CONTRAST_TAKES: Final = 6  # of every prompt, 48 pairs: with 24, the same weights read 67 and 92 %

Clip = NDArray[np.float32]


class Examination:
    """One exported folder under examination; every method returns figures for evaluation.json."""

    def __init__(
        self, folder: Path, batch: int = 24, length: float = 1.0, takes: int = CONTRAST_TAKES, **sampling: Any
    ) -> None:
        self.generator = Generator(folder)
        self._batch, self._length, self._takes, self._sampling = batch, length, takes, sampling

    def clips(self, prompts: list[str], seed: int, seconds: float = 6.0) -> list[Clip]:
        """One clip per prompt, in batches; the listener hears five seconds."""
        made: list[Clip] = []
        for start in range(0, len(prompts), self._batch):
            some = prompts[start : start + self._batch]
            made += self.generator.play(some, seconds * self._length, seed + start, **self._sampling)
        return made

    def tempo(self) -> dict[str, Any]:
        """Asked against tracked tempo: the six that exist, and numbers that users type and that mean the nearest of them.

        The octave is told apart: by the tracker, by onsets a second (a doubled tempo has more), and by slow / fast in words.
        """
        exact = self._tempo(BPM, 100)
        typed = self._tempo(TYPED_BPM, 150, 3)
        slow, fast = (
            [
                read(clip)
                for clip in self.clips([f"{word} {genre}" for genre in TEMPO_GENRES for word in words], seed, 8.0)
            ]
            for words, seed in ((("slow", "slow tempo"), 180), (("fast", "fast tempo"), 190))
        )
        return {
            **exact,
            "typed": typed,
            "slow_against_fast_by_onsets": _auc(
                np.array([clip.onsets_per_s for clip in slow]), np.array([clip.onsets_per_s for clip in fast])
            ),
            "slow_against_fast_by_tracker": _auc(
                np.array([clip.tempo_bpm for clip in slow]), np.array([clip.tempo_bpm for clip in fast])
            ),
        }

    def _tempo(self, numbers: dict[int, float], seed: int, genres: int = len(TEMPO_GENRES)) -> dict[str, Any]:
        asked = [
            (f"{genre} {typed} bpm", wanted) for typed, wanted in numbers.items() for genre in TEMPO_GENRES[:genres]
        ]
        clips = self.clips([prompt for prompt, _ in asked], seed, 10.0)
        return tempo_figures([wanted for _, wanted in asked], [read(clip) for clip in clips])

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
        for name, (little, much) in CONTRASTS.items():
            prompts = [form.format(genre) for forms in (little, much) for form in forms for genre in CONTRAST_GENRES]
            takes = [self.clips(prompts, 7000 + 97 * take) for take in range(self._takes)]
            half = len(prompts) // 2
            clips = [clip for take in takes for clip in take[:half]] + [clip for take in takes for clip in take[half:]]
            levels = (listener.listen(clips)[name].numpy() * np.arange(CLASSES[name])).sum(1)
            low, high = levels[: len(levels) // 2], levels[len(levels) // 2 :]
            found[name] = {
                "pairs": len(low),
                "pairs_in_order": round(float(np.mean(high > low)), 3),
                "area_under_curve": _auc(low, high),
                **_meter(name, clips),
            }
        return found

    def random_prompts(self, count: int, seeds: int, seconds: float = 10.0) -> dict[str, Any]:
        """Captions of pieces never composed before: signs of collapse, pulse clarity and loudness."""
        random = Random(77)
        prompts = [caption(compose(20_000_000 + index).labels.as_dict(), random) for index in range(count)]
        asked = prompts * seeds
        readings = [read(clip) for seed in range(seeds) for clip in self.clips(prompts, 900 + 1000 * seed, seconds)]
        kinds = Counter(reading.collapse for reading in readings if reading.collapse)
        return {
            "clips": len(readings),
            "seconds": seconds,
            "collapsed": sum(kinds.values()),
            "kinds": dict(kinds),
            "collapsed_prompts": sorted(
                {prompt for prompt, reading in zip(asked, readings, strict=True) if reading.collapse}
            ),
            "still": sum(reading.still_s >= STILL_MIN_S for reading in readings),
            **movement(readings),
            **offsets(readings),
            "pulse_clarity_median": round(float(np.median([r.pulse_clarity for r in readings])), 3),
            "loudness_median_lufs": round(float(np.median([r.loudness_lufs for r in readings])), 1),
        }

    def speed(self) -> float:
        """Core-seconds per second of music: one clip, guided, one thread, transformers' own loop."""
        self.generator.play(["lo-fi beat"], 1.0, 0)
        start = time.process_time()
        seconds = 10 * self._length
        self.generator.play(["lo-fi beat"], seconds, 0)
        return round((time.process_time() - start) / seconds, 3)


def tempo_figures(wanted: list[float], readings: list[Reading]) -> dict[str, Any]:
    """How many are right, and how many would be if each clip answered another's question."""
    tracked = [reading.tempo_bpm for reading in readings]
    near = [folded(value, bpm) for value, bpm in zip(tracked, wanted, strict=True)]

    def right(octaves: bool) -> float:
        return round(float(np.mean([same_tempo(a, b, octaves) for a, b in zip(tracked, wanted, strict=True)])), 3)

    def chance(octaves: bool) -> float:
        return round(float(np.mean([same_tempo(a, b, octaves) for a in tracked for b in wanted])), 3)

    return {
        "right_octave_free": right(octaves=True),
        "right_octave_free_by_chance": chance(octaves=True),
        "right": right(octaves=False),
        "right_by_chance": chance(octaves=False),
        "spearman": _rho(wanted, tracked),
        "spearman_folded": _rho(wanted, near),
        "spearman_with_onsets": _rho(wanted, [reading.onsets_per_s for reading in readings]),
        "clips": len(wanted),
    }


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
    """The same meters on ten seconds of the composer's own renderings: what perfect would read."""
    synth, readings, wanted = Synth(), [], []
    for seed in range(30_000_000, 30_000_000 + count):
        piece = compose(seed)
        audio = render_piece(synth, piece)
        loop = audio[piece.loop_frames * 320 : 2 * piece.loop_frames * 320]
        readings.append(read(np.tile(loop, -(-160_000 // len(loop)))[:160_000].astype(np.float32)))
        wanted.append(piece.labels.bpm)
    return {
        "clips": count,
        "pulse_clarity_median": round(float(np.median([reading.pulse_clarity for reading in readings])), 3),
        "tempo": tempo_figures(wanted, readings),
        "collapsed": sum(bool(reading.collapse) for reading in readings),
        "still": sum(reading.still_s >= STILL_MIN_S for reading in readings),
        **movement(readings),
    }


def movement(readings: list[Reading]) -> dict[str, float]:
    """Motion of harmony over clips: the median, and the share of clips that move less than a tenth of the wanted median."""
    found = np.array([reading.motion for reading in readings])
    return {
        "motion_median": round(float(np.median(found)), 4),
        "motion_tenth_centile": round(float(np.percentile(found, 10)), 4),
        "motionless": round(float(np.mean(found < MOTION_MIN / 10)), 3),
    }


def offsets(readings: list[Reading]) -> dict[str, float]:
    """The largest DC offset and the largest first sample of the clips, of full scale."""
    return {
        "offset_max": round(max(reading.offset for reading in readings), 4),
        "first_sample_max": round(max(reading.first_sample for reading in readings), 4),
    }


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
    parser.add_argument("--part", choices=("all", *PARTS), default="all", help="the parts can run side by side")
    parser.add_argument("--missing", action="store_true", help="only if these weights were not examined so before")
    parser.add_argument("--lessons", type=int, default=2000)
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--long-prompts", type=int, default=24, help="clips of thirty seconds")
    parser.add_argument("--renderings", type=int, default=100, help="that the meters are tried on")
    parser.add_argument("--takes", type=int, default=CONTRAST_TAKES, help="of every contrast")
    parser.add_argument(
        "--tagger", type=Path, default=None, help="an unpacked musicnn wheel, for the view from outside"
    )
    parser.add_argument("--length", type=float, default=1.0, help="of every clip, as a share of what is said above")
    arguments = parser.parse_args()
    path, weights = arguments.folder / "evaluation.json", sha256_of(arguments.folder / "model.safetensors")
    if arguments.missing and PARTS.get(arguments.part, "") in known_figures(path, weights):
        return
    torch.set_num_threads(1)
    examination = Examination(arguments.folder, length=arguments.length, takes=arguments.takes)
    figures: dict[str, Any] = {}
    if arguments.part in ("all", "asked"):
        figures |= _asked_and_heard(examination, arguments)
    if arguments.part in ("all", "contrasts"):
        listener, skill = listener_of(arguments.lessons)
        figures |= {"listener_accuracy_on_renderings": skill, "contrasts": examination.contrasts(listener)}
    if arguments.part in ("all", "tempo"):
        figures |= {"tempo": examination.tempo(), "renderings": rendered(arguments.renderings)}
        figures |= {"energy": examination.energy()}
    if arguments.part in ("all", "random"):
        figures["random_prompts"] = examination.random_prompts(arguments.prompts, arguments.seeds)
    if arguments.part in ("all", "long"):
        figures["thirty_seconds"] = examination.random_prompts(arguments.long_prompts, 1, 30.0)
    ear = outside.ear_of(arguments.tagger) if arguments.part in ("all", "outside") else None
    if ear is not None:
        figures["outside"] = outside.figures(examination, ear)
    known = known_figures(path, weights)  # read now: another part may have been written meanwhile
    path.with_suffix(".part").write_text(json.dumps({**known, **figures, "weights_sha256": weights}, indent=1) + "\n")
    path.with_suffix(".part").rename(path)
    print(json.dumps(figures, indent=1))


def known_figures(path: Path, weights_sha256: str) -> dict[str, Any]:
    """What was measured of the same weights before."""
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return known if known.get("weights_sha256") == weights_sha256 else {}


def sha256_of(path: Path) -> str:
    """The file's digest."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _asked_and_heard(examination: Examination, arguments: argparse.Namespace) -> dict[str, Any]:
    shown = examination.clips(list(SHOWN), 1, 10.0)
    readings = save_samples(shown, SHOWN, arguments.samples)
    pictures.spectrograms(shown, SHOWN, arguments.figures / "ten-prompts.png")
    pictures.curves(arguments.figures / "training-curves.png")
    listener, _skill = listener_of(arguments.lessons)
    solo, matrix = examination.instruments(listener)
    pictures.confusion(matrix, SOLOISTS, arguments.figures / "asked-and-heard.png")
    return {
        "instruments": solo,
        "speed_transformers_one_thread": examination.speed(),
        "codec": measure(examination.generator.model.audio_encoder, with_codes=True),
        "training": last_gates(),
        "still_samples": [
            prompt for prompt, reading in zip(SHOWN, readings, strict=True) if reading.still_s >= STILL_MIN_S
        ],
    }


def listener_of(count: int) -> tuple[Listener, dict[str, float]]:
    """The listener of so many lessons; these are kept in the work folder, because they take minutes."""
    path = corpus.WORK / f"listener-{count}.pt"
    if path.exists():
        heard, wanted = torch.load(path, weights_only=True)
    else:
        heard, wanted, _ = lessons(count, frozen_codec("decoder"))
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save((heard, wanted), path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
    listener, skill = taught(heard, wanted)
    return listener, {name: round(value, 3) for name, value in skill.items()}


if __name__ == "__main__":
    main()
