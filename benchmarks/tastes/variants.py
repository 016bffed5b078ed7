"""Invariance variants: one song louder, mono, coded or resampled.

The taste of a song must be the same for all its variants.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import av
import librosa
import numpy as np
import soundfile

from .sound import Audio, load_channels

_SILENCE_S: Final = 120
# What each variant's cosine to the plain file should be at least.
WANTED: Final = {"8 kHz": 0.95}
WANTED_ELSE: Final = 0.98


def make_variants(song: Path, folder: Path) -> dict[str, Path]:
    """Writes all variants below the folder, once; returns them by name. `plain` is the song decoded to a 24-bit FLAC."""
    folder.mkdir(parents=True, exist_ok=True)
    audio, rate_hz = _opened(song)
    return {name: _written(write, audio, rate_hz, folder / name.replace(" ", "_")) for name, write in VARIANTS.items()}


def _opened(song: Path) -> tuple[Audio, int]:
    """`[2, samples]` with room above, so that +6 dB does not clip, and the rate in Hz."""
    with av.open(str(song)) as container:
        rate_hz = container.streams.audio[0].rate
    audio = load_channels(song)
    stereo = audio if len(audio) == 2 else np.repeat(audio[:1], 2, axis=0)
    return stereo * min(1.0, 0.45 / float(np.abs(stereo).max())), rate_hz


def _written(write: Callable[[Path, Audio, int], Path], audio: Audio, rate_hz: int, stem: Path) -> Path:
    found = [path for path in stem.parent.glob(f"{stem.name}.*") if path.suffix != ".part"]
    return found[0] if found else write(stem, audio, rate_hz)


def _flac(stem: Path, audio: Audio, rate_hz: int) -> Path:
    path = stem.with_name(f"{stem.name}.flac")
    soundfile.write(path, audio.T, rate_hz, subtype="PCM_24")
    return path


def _gain(decibels: float) -> Callable[[Path, Audio, int], Path]:
    return lambda stem, audio, rate_hz: _flac(stem, audio * 10 ** (decibels / 20), rate_hz)


def _resampled(target_hz: int) -> Callable[[Path, Audio, int], Path]:
    def write(stem: Path, audio: Audio, rate_hz: int) -> Path:
        return _flac(stem, librosa.resample(audio, orig_sr=rate_hz, target_sr=target_hz), target_hz)

    return write


def _coded(codec: str, suffix: str) -> Callable[[Path, Audio, int], Path]:
    """128 kbit/s; at 48 kHz, which every one of the codecs takes."""

    def write(stem: Path, audio: Audio, rate_hz: int) -> Path:
        path = stem.with_name(f"{stem.name}{suffix}")
        sound = librosa.resample(audio, orig_sr=rate_hz, target_sr=48_000) if rate_hz != 48_000 else audio
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=48_000, layout="stereo")
            stream.bit_rate = 128_000
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound, dtype=np.float32), format="fltp", layout="stereo"
            )
            frame.sample_rate = 48_000
            fifo = av.AudioFifo()
            fifo.write(frame)
            resampler = av.AudioResampler(stream.format.name, "stereo", 48_000)
            while (piece := fifo.read(960, partial=True)) is not None:
                for ready in resampler.resample(piece):
                    container.mux(stream.encode(ready))
            for ready in resampler.resample(None):
                container.mux(stream.encode(ready))
            container.mux(stream.encode(None))
        return path

    return write


def _later(stem: Path, audio: Audio, rate_hz: int) -> Path:
    return _flac(stem, audio[:, int(0.02 * rate_hz) :], rate_hz)


def _with_silence(stem: Path, audio: Audio, rate_hz: int) -> Path:
    middle = audio.shape[1] // 2
    silence = np.zeros((2, _SILENCE_S * rate_hz), dtype=np.float32)
    return _flac(stem, np.concatenate([audio[:, :middle], silence, audio[:, middle:]], axis=1), rate_hz)


def _surround(stem: Path, audio: Audio, rate_hz: int) -> Path:
    """5.1 with the song in front, silence behind, and a rumble of 40 Hz in the channel for low frequencies, which no downmix may hear."""
    rumble = 0.3 * np.sin(2 * np.pi * 40 * np.arange(audio.shape[1]) / rate_hz, dtype=np.float32)
    nothing = np.zeros_like(rumble)
    return _flac(stem, np.stack([audio[0], audio[1], nothing, rumble, nothing, nothing]), rate_hz)


VARIANTS: Final[dict[str, Callable[[Path, Audio, int], Path]]] = {
    "plain": _gain(0.0),
    "-18 dB": _gain(-18.0),
    "-12 dB": _gain(-12.0),
    "-6 dB": _gain(-6.0),
    "+6 dB": _gain(6.0),
    "polarity": lambda stem, audio, rate_hz: _flac(stem, -audio, rate_hz),
    "one channel inverted": lambda stem, audio, rate_hz: _flac(
        stem, audio * np.array([[1], [-1]], dtype=np.float32), rate_hz
    ),
    "left only": lambda stem, audio, rate_hz: _flac(stem, audio[:1], rate_hz),
    "5.1": _surround,
    "mp3 128k": _coded("mp3", ".mp3"),
    "AAC 128k": _coded("aac", ".m4a"),
    "Opus 128k": _coded("libopus", ".opus"),
    "0.02 s later": _later,
    "120 s of silence": _with_silence,
    "5 % DC": lambda stem, audio, rate_hz: _flac(stem, audio + np.float32(0.05), rate_hz),
    "8 kHz": _resampled(8_000),
    "16 kHz": _resampled(16_000),
    "44.1 kHz": _resampled(44_100),
    "96 kHz": _resampled(96_000),
}
