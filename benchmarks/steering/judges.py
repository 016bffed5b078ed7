"""Classifiers of the bench, trained on decoded composer renderings.

The renderings have seeds of their own and are decoded through the model's codec.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import librosa
import numpy as np
from model.training.compose import compose
from model.training.listener import features
from model.training.meters import HOP, RATE_HZ, autocorrelation, tempo
from model.training.pieces import Labels
from numpy.typing import NDArray

from .kinds import kind_of

Audio = NDArray[np.float32]
Array = NDArray[np.float64]
LESSONS: Final = 1200
FIRST_SEED: Final = 8_000_000  # no other program renders these
TEACHING: Final = LESSONS * 3 // 4
# Attribute -> much of it (1), little (0), or neither, which teaches nothing (None).
TAUGHT: Final[dict[str, Callable[[Labels], int | None]]] = {
    "voice": lambda labels: int("choir" in labels.instruments),
    "rich_harmony": lambda labels: {0: 0, 2: 1}.get(labels.harmonic_complexity),
    "tension": lambda labels: {0: 0, 2: 1}.get(labels.emotional_tension),
    "many_players": lambda labels: {1: 0, 2: 0, 4: 1, 5: 1, 6: 1}.get(len(labels.instruments)),
}
CLIP_S: Final = 5
# The slowest reading of a beat lies here: 60 a minute and half an octave to both sides.
SLOWEST_BPM: Final = 60 / 2**0.5
_LEVELS: Final = (1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 1, 2, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judges:
    """`ears` tell much from little, by attribute (`TAUGHT`); `octave` tells which octave of a tracked beat people would tap; `kind` tells
    the kinds of playlists apart. `figures` say how right each is on lessons that did not teach it."""

    ears: dict[str, Any]
    octave: Any
    kind: Any
    figures: dict[str, float]

    def log_odds(self, audio: Audio) -> dict[str, float]:
        """By attribute, of a mono clip at 16 kHz: how sure its judge is that there is much of it."""
        mark = features(audio)[None]
        return {name: float(ear.decision_function(mark)[0]) for name, ear in self.ears.items()}

    def kinds(self, embeddings: Array) -> list[str]:
        """The playlist that each of `[clips, features]` sounds like."""
        return [str(name) for name in self.kind.predict(embeddings)]

    def tempo_bpm(self, audio: Audio) -> float:
        """The tracked beat in the octave that its onsets speak for, in beats a minute."""
        pulse, slowest_bpm = pulse_features(audio)
        return float(slowest_bpm * 2.0 ** int(self.octave.predict(pulse[None])[0]))


def teach(codec: Any, folder: Path) -> Judges | None:
    """The judges, their lessons rendered once below the folder. None where FluidSynth is not installed.

    Attributes: logistic regression on the listener's log-mel features. Octaves: a random forest (Breiman 2001) on the onset envelope's
    autocorrelation at fractions and multiples of the beat, and on onsets a beat, after Hockman and Fujinaga (2010): a tracker finds the
    period, and which octave of it is the beat is heard from how much happens in it.
    """
    from sklearn.ensemble import RandomForestClassifier

    path = folder / "judges.npz"
    if not path.exists():
        try:
            np.savez(path, **_lessons(codec))
        except OSError:
            return None
    lessons = np.load(path)
    labels = [compose(seed).labels for seed in range(FIRST_SEED, FIRST_SEED + LESSONS)]
    ears, figures = {}, {}
    for name, answer in TAUGHT.items():
        answers = np.array([np.nan if (label := answer(one)) is None else label for one in labels])
        ears[name], figures[f"{name}_auc"] = _taught(lessons["heard"], answers)
    pulses, octaves, tracked = lessons["pulses"], lessons["octaves"], lessons["tracked"]
    octave = RandomForestClassifier(300, min_samples_leaf=3, random_state=0)
    octave.fit(pulses[:TEACHING], octaves[:TEACHING])
    figures["octaves_right"] = float(np.mean(octave.predict(pulses[TEACHING:]) == octaves[TEACHING:]))
    figures["octaves_right_of_tracker"] = float(np.mean(tracked[TEACHING:] == octaves[TEACHING:]))
    kinds = np.array([kind_of(one) or "" for one in labels])
    kind = _judge().fit(lessons["heard"][:TEACHING][kinds[:TEACHING] != ""], kinds[:TEACHING][kinds[:TEACHING] != ""])
    others = np.arange(LESSONS)[TEACHING:][kinds[TEACHING:] != ""]
    figures["kinds_right"] = float(np.mean(kind.predict(lessons["heard"][others]) == kinds[others]))
    return Judges(ears=ears, octave=octave, kind=kind, figures=figures)


def _judge() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced"))


def _taught(heard: NDArray[np.float32], answers: Array) -> tuple[Any, float]:
    """A judge and its area under the curve on the lessons that did not teach it. Answers are 1, 0, or NaN for neither."""
    from sklearn.metrics import roc_auc_score

    says = np.isfinite(answers)
    first, last = says.copy(), says.copy()
    first[TEACHING:], last[:TEACHING] = False, False
    ear = _judge().fit(heard[first], answers[first])
    return ear, float(roc_auc_score(answers[last], ear.decision_function(heard[last])))


def pulse_features(audio: Audio) -> tuple[Array, float]:
    """What the octave is judged by, and the slowest reading of the tracked beat, 42 to 85 a minute."""
    strength = librosa.onset.onset_strength(y=audio, sr=RATE_HZ, hop_length=HOP)
    onsets = librosa.onset.onset_detect(onset_envelope=strength, sr=RATE_HZ, hop_length=HOP)
    found = autocorrelation(strength)
    slowest_bpm = _slowest(max(tempo(strength), 20.0))
    beat = 60 * RATE_HZ / HOP / slowest_bpm
    levels = np.interp([beat * level for level in _LEVELS], np.arange(len(found)), found)
    onsets_per_s = len(onsets) * RATE_HZ / len(audio)
    return np.array([*levels, onsets_per_s * 60 / slowest_bpm, onsets_per_s, slowest_bpm]), slowest_bpm


def through(codec: Any, audio: Audio) -> Audio:
    """The audio as its codec tokens sound."""
    import torch

    with torch.inference_mode():
        stream = codec.open_stream()
        samples = stream.finish(codec.encode(torch.from_numpy(np.ascontiguousarray(audio))))
    found: Audio = samples[0].float().numpy()
    return found


def _slowest(bpm: float) -> float:
    return float(SLOWEST_BPM * 2.0 ** (np.log2(bpm / SLOWEST_BPM) % 1.0))


def _lessons(codec: Any) -> dict[str, NDArray[Any]]:
    from model.training.render import render_piece
    from model.training.synth import Synth

    synth = Synth()
    rows: dict[str, list[Any]] = {name: [] for name in ("heard", "pulses", "octaves", "tracked")}
    for seed in range(FIRST_SEED, FIRST_SEED + LESSONS):
        piece = compose(seed)
        audio = through(codec, render_piece(synth, piece)[: CLIP_S * RATE_HZ])
        pulse, slowest_bpm = pulse_features(audio)
        tracked = tempo(librosa.onset.onset_strength(y=audio, sr=RATE_HZ, hop_length=HOP))
        rows["heard"].append(features(audio))
        rows["pulses"].append(pulse)
        rows["octaves"].append(round(np.log2(piece.labels.bpm / slowest_bpm)))
        rows["tracked"].append(round(np.log2(max(tracked, 20.0) / slowest_bpm)))
    return {name: np.array(values) for name, values in rows.items()}
