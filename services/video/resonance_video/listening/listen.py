"""Listening to one song: decoding in the jail, then analysis in a child process of low priority."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
from pathlib import Path

from resonance.audio.decode import DecodeLimits, decode_file
from resonance.audio.sandbox import run_child
from resonance.errors import DeadlineExceeded, InvalidInput, Unavailable
from resonance_video.listening.features import SAMPLE_RATE_HZ
from resonance_video.models import SONG_S_MAX, KnownMusic, SongMap

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
        await decode_file(song, work / "pcm", sample_rate_hz=SAMPLE_RATE_HZ, limits=limits, name=song.name)
        request = {
            "song": await asyncio.to_thread(os.path.abspath, song),
            "samples": str(work / "pcm"),
            "target": str(work / "map.json"),
            "sha256": await asyncio.to_thread(_sha256, song),
            "known": (known or KnownMusic()).model_dump(mode="json"),
        }
        (work / "request.json").write_text(json.dumps(request))
        result = await run_child(_WORKER, [str(work / "request.json")], folder=work, timeout_s=_TIMEOUT_S)
        if result.timed_out:
            raise DeadlineExceeded(f"Listening took longer than {_TIMEOUT_S:.0f} s.", reason="LISTENING_TIMEOUT")
        answer = json.loads(result.lines[-1]) if result.lines else {}
        if "reason" in answer:
            raise InvalidInput(answer["message"], reason=answer["reason"])
        if result.return_code != 0 or not (work / "map.json").exists():
            raise Unavailable(f"The song could not be analysed: {result.complaint[-300:]}", reason="LISTENING_FAILED")
        return SongMap.from_json((work / "map.json").read_text())


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
