"""Listening to one song: decoding in the jail, then analysis in a child process of low priority."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from pathlib import Path

import av

from resonance.audio.decode import DecodeLimits, decode_file
from resonance.audio.sandbox import run_child
from resonance.errors import DeadlineExceeded, InvalidInput, Unavailable
from resonance_video.listening.features import SAMPLE_RATE_HZ
from resonance_video.models import SONG_S_MAX, SONG_S_MIN, KnownMusic, SongMap

_BYTES_MAX = round(SONG_S_MAX * SAMPLE_RATE_HZ * 8)
_TIMEOUT_S = 300.0
_WORKER = "resonance_video.listening.worker"
_BLOCK_BYTES = 1 << 20


async def listen(song: Path, known: KnownMusic | None = None, *, folder: Path | None = None) -> SongMap:
    """The map of a sound file. `folder` is where temporary files may lie; the children die when this call is cancelled.

    Raises:
        InvalidInput: the file is no sound, is damaged, or is shorter or longer than a video can be.
        DeadlineExceeded: decoding or analysis took too long.
        Unavailable: the analysis could not run on this machine; the file may be fine.
    """
    with tempfile.TemporaryDirectory(prefix="listen-", dir=folder) as made:
        work = Path(made)
        limits = DecodeLimits(duration_s_max=SONG_S_MAX, decoded_bytes_max=_BYTES_MAX, decode_s_max=_TIMEOUT_S)
        decoded = await decode_file(song, work / "pcm", sample_rate_hz=SAMPLE_RATE_HZ, limits=limits, name=song.name)
        rate_hz, duration_s = await asyncio.to_thread(_rate_and_duration, song, decoded.duration_s)
        if duration_s < SONG_S_MIN:
            raise InvalidInput(
                f"The song is {duration_s:.2f} s long; a video needs at least {SONG_S_MIN} s.", reason="TOO_SHORT"
            )
        request = {
            "samples": str(work / "pcm"),
            "target": str(work / "map.json"),
            "duration_s": duration_s,
            "sample_rate_hz": rate_hz,
            "sha256": await asyncio.to_thread(_sha256, song),
            "known": (known or KnownMusic()).model_dump(mode="json"),
        }
        (work / "request.json").write_text(json.dumps(request))
        result = await run_child(_WORKER, [str(work / "request.json")], folder=work, timeout_s=_TIMEOUT_S)
        if result.timed_out:
            raise DeadlineExceeded(f"Listening took longer than {_TIMEOUT_S:.0f} s.", reason="LISTENING_TIMEOUT")
        if result.return_code != 0:
            raise Unavailable(f"The song could not be analysed: {result.complaint[-300:]}", reason="LISTENING_FAILED")
        return SongMap.from_json((work / "map.json").read_text())


def _rate_and_duration(song: Path, decoded_s: float) -> tuple[int, float]:
    """The file's own sampling rate, and its exact length where the container counts samples, as WAV and FLAC do."""
    with av.open(str(song), metadata_errors="ignore") as container:
        stream = container.streams.audio[0]
        rate_hz = int(stream.rate)
        exact = stream.duration is not None and container.format.name in ("wav", "flac")
        duration_s = float(stream.duration * stream.time_base) if exact else decoded_s
    return rate_hz, duration_s if abs(duration_s - decoded_s) < 0.1 else decoded_s


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
