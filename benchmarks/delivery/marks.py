"""Loudness, peaks and edges of delivered takes; detection of their watermark."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from resonance.audio.delivery import watermark_detection
from resonance.audio.delivery.encoder import Encoder
from resonance.audio.delivery.formats import FORMATS
from resonance.audio.delivery.master import LiveMaster, Mastering, loudness_lufs, master_kept
from resonance.audio.delivery.true_peak import true_peak_db
from resonance.audio.wav import pcm16

PAYLOAD = b"\x12\x34\x56"
CUT_S = 10.0
Mono = NDArray[np.float64]


def read_sound(source: Any, rate_hz: int, *, start_s: float = 0.0, length_s: float = 600.0) -> Mono:
    """Mono samples of a file at this rate."""
    with av.open(source) as container:
        if start_s:
            container.seek(int(start_s * 1e6))
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate_hz)
        parts: list[Mono] = []
        for frame in container.decode(audio=0):
            parts += [made.to_ndarray()[0].astype(np.float64) for made in resampler.resample(frame)]
            if sum(map(len, parts)) > length_s * rate_hz:
                break
    return np.concatenate(parts)[: round(length_s * rate_hz)]


def through(samples: Mono, rate_hz: int, name: str, bit_rate: int | None = None) -> Mono:
    """The sound after an encoder and a decoder."""
    form = FORMATS[name] if bit_rate is None else dataclasses.replace(FORMATS[name], bit_rate=bit_rate)
    encoder = Encoder(form, sample_rate_hz=rate_hz, channel_count=1, tags={}, is_streamed=False)
    encoder.push(samples[None])
    return read_sound(io.BytesIO(encoder.finish()), watermark_detection.RATE_HZ)


def resampled(samples: Mono, rate_hz: int, over_hz: int) -> Mono:
    """The sound through another sample rate and back."""
    other = soxr.resample(samples, rate_hz, over_hz)
    return np.asarray(soxr.resample(other, over_hz, watermark_detection.RATE_HZ), dtype=np.float64)


def measure_take(pcm: bytes, rate_hz: int, random: np.random.Generator) -> dict[str, Any]:
    """All figures of one take."""
    mastering = Mastering(watermark_payload=PAYLOAD)
    kept = master_kept(pcm, mastering, sample_rate_hz=rate_hz, channel_count=1)
    live = LiveMaster(mastering, sample_rate_hz=rate_hz, channel_count=1)
    heard = np.frombuffer(live.push(pcm) + live.finish(), "<i2")[None] / 32767.0
    start = int(random.uniform(0, kept.shape[1] / rate_hz - CUT_S) * watermark_detection.RATE_HZ)
    cut = slice(start, start + round(CUT_S * watermark_detection.RATE_HZ))
    mono = np.frombuffer(pcm16(kept.astype(np.float32)), "<i2") / 32767.0
    ways = {
        "unmarked": np.frombuffer(pcm, "<i2") / 32767.0,
        "cut to 10 s": mono,
        "live, cut": heard[0],
        "MP3 128 kbit/s, cut": through(mono, rate_hz, "mp3", 128_000),
        "MP3 64 kbit/s, cut": through(mono, rate_hz, "mp3", 64_000),
        "Opus 48 kbit/s, cut": through(mono, rate_hz, "opus", 96_000),
        "AAC 64 kbit/s, cut": through(mono, rate_hz, "m4a", 128_000),
        "44.1 kHz and back, cut": resampled(mono, rate_hz, 44_100),
        "12 kHz and back, cut": resampled(mono, rate_hz, 12_000),
        "white noise at -40 dB, cut": mono + 0.01 * np.sqrt(2) * np.std(mono) * random.standard_normal(len(mono)),
        "1 % faster, cut": np.interp(np.arange(0, len(mono), 1.01), np.arange(len(mono)), mono),
    }
    found = {name: watermark_detection.detect(sound[cut]) for name, sound in ways.items()}
    found["cut to 5 s"] = watermark_detection.detect(mono[start : start + 5 * watermark_detection.RATE_HZ])
    return {
        "lufs": [loudness_lufs(each, rate_hz) for each in (ways["unmarked"][None], kept, heard)],
        "peak": [true_peak_db(each) for each in (kept, heard)],
        "first": [abs(float(each[0, 0])) for each in (kept, heard)],
        "offset": [abs(float(each.mean())) for each in (kept, heard)],
        "marked": {name: each.is_marked and each.payload == PAYLOAD for name, each in found.items()},
        "score": {name: each.score for name, each in found.items()},
    }


def summarise(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures over all takes."""
    loudness = {
        name: np.array([row["lufs"][index] for row in rows]) for index, name in enumerate(("model", "kept", "live"))
    }
    marks = {
        name: {
            "found": sum(row["marked"][name] for row in rows),
            "score_median": float(np.median([row["score"][name] for row in rows])),
            "score_least": float(min(row["score"][name] for row in rows)),
            "score_most": float(max(row["score"][name] for row in rows)),
        }
        for name in rows[0]["marked"]
    }
    return {
        "takes": len(rows),
        "loudness": {
            name: {
                "least_lufs": float(found.min()),
                "most_lufs": float(found.max()),
                "within_1_lu": int((abs(found + 16) <= 1).sum()),
            }
            for name, found in loudness.items()
        },
        "edges": {
            name: {key: float(max(row[key][index] for row in rows)) for key in ("peak", "first", "offset")}
            for index, name in enumerate(("kept", "live"))
        },
        "marks": marks,
    }


def count_unmarked(songs: Path) -> dict[str, Any]:
    """False positives on recordings, in cuts of 10 s of the first two minutes of each."""
    scores, hits, cut = [], 0, round(CUT_S * watermark_detection.RATE_HZ)
    paths = sorted(path for path in songs.iterdir() if path.is_file())
    for path in paths:
        samples = read_sound(str(path), watermark_detection.RATE_HZ, length_s=120)
        for start in range(0, len(samples) - cut, cut):
            found = watermark_detection.detect(samples[start : start + cut])
            scores.append(found.score)
            hits += found.is_marked
    return {"recordings": len(paths), "cuts": len(scores), "taken_for_marked": hits, "score_most": max(scores)}
