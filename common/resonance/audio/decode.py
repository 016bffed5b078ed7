"""Decoding of untrusted audio to mono PCM in confined processes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resonance.audio.downmix import TURNED
from resonance.audio.formats import SOUND_ENDINGS
from resonance.audio.sandbox import ChildResult, run_child
from resonance.errors import DeadlineExceeded, InvalidInput, ResonanceError, Unavailable
from resonance.settings import Settings

_DAMAGE_NOTICE = "Parts of the file are damaged; the rest of it is used."
_TURNED_NOTICE = "Left and right work against each other, so one side was turned over."
_SECONDS_KNOWN_MAX = 24 * 3600.0
_BLOCK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeLimits:
    """Limits of one decoding. They hold while the file is decoded: lengths in headers are not trusted."""

    duration_s_max: float
    decoded_bytes_max: int
    decode_s_max: float

    @classmethod
    def of(cls, settings: Settings) -> DecodeLimits:
        return cls(
            duration_s_max=settings.track_duration_s_max,
            decoded_bytes_max=settings.decoded_bytes_max,
            decode_s_max=settings.decode_s_max,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedFile:
    """Mono float32 little-endian PCM in a file: finite, in [-1, 1], at `sample_rate_hz`.

    The signal is levelled (`level.py`): offset removed, downmixed after BS.775, brought to TARGET_LUFS as a whole. `sha256` is the
    digest of the bytes. `is_damaged` says that parts of the source could not be decoded and were left out. `loudness_lufs` is the
    track's before it was raised or lowered by `gain_db`; silence (below SILENCE_LUFS) is never raised, and `peak` is 0 where
    there is nothing at all. `downmix` is `sum` or `turned` (`MonoMix.kind`). `is_cut` says that the
    file ends before its announced length (`announced_s`, 0 where it tells none); `stream_count` is the number of its sound tracks.
    `ranges` are the chosen parts of a track that is longer than the limit, in samples of the track: the file holds them alone,
    one after the other. They are empty where the file holds the whole track.
    """

    path: Path
    sample_rate_hz: int
    sample_count: int
    sha256: str
    peak: float
    is_damaged: bool
    loudness_lufs: float
    gain_db: float
    downmix: str
    is_cut: bool = False
    announced_s: float = 0.0
    stream_count: int = 1
    ranges: tuple[tuple[int, int], ...] = ()

    @property
    def notice(self) -> str:
        """Changes and omissions of the decoding, in plain words for the user; empty for nothing."""
        parts = [
            _TURNED_NOTICE if self.downmix == TURNED.kind else "",
            self._cut_notice if self.is_cut else _DAMAGE_NOTICE if self.is_damaged else "",
            f"The file has {self.stream_count} sound tracks; its main one is used." if self.stream_count > 1 else "",
        ]
        return " ".join(filter(None, parts))

    @property
    def _cut_notice(self) -> str:
        """The announced length is named where it is more than what was read and may be true."""
        if not self.duration_s < self.announced_s <= _SECONDS_KNOWN_MAX:
            return f"The file seems to be cut off: {self.duration_s:.1f} s of it could be read and are used."
        return f"The file is cut off: {self.duration_s:.1f} of {self.announced_s:.1f} s could be read and are used."

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.sample_count / self.sample_rate_hz

    def samples(self) -> NDArray[np.float32]:
        """The samples `[samples]`, read from the disk as they are touched."""
        return np.memmap(self.path, dtype="<f4", mode="r", shape=(self.sample_count,))


async def decode_file(
    source: Path,
    target: Path,
    *,
    sample_rate_hz: int,
    limits: DecodeLimits,
    name: str = "",
    ranges: Sequence[tuple[float, float]] = (),
) -> DecodedFile:
    """Decodes the main audio stream of `source` into `target`.

    A truncated or damaged file gives what can be decoded, if that is a second or more. The ending of `name`, the file's name where
    it came from, decides where the bytes fit several formats. `ranges` are chosen seconds `(start, end)`: of a track that is longer
    than the limit they alone are kept, and the limit counts them.

    Raises:
        InvalidInput: with the reason EMPTY_FILE, NOT_AUDIO, FORMAT_NOT_READ, ARCHIVE, COPY_PROTECTED, NO_SOUND (no audio stream, or
            not one sample), DAMAGED, NOT_FINITE, TOO_LONG, TOO_LARGE or RANGE_OUTSIDE_TRACK.
        DeadlineExceeded: with the reason DECODE_TIMEOUT.
        Unavailable: this machine could not decode (disk full); the file may be fine.
    """
    if await asyncio.to_thread(_file_size, source) == 0:
        raise InvalidInput("The file is empty.", reason="EMPTY_FILE")
    folder = Path(tempfile.mkdtemp(prefix="decode-", dir=target.parent))
    try:
        request = _request(source, folder, sample_rate_hz, limits) | {"ending": _ending(name), "ranges": list(ranges)}
        result = await run_child(
            "resonance.audio.decode_worker", [json.dumps(request)], folder=folder, timeout_s=limits.decode_s_max
        )
        answer = _parse_answer(result, limits)
        return await asyncio.to_thread(_accept, folder / "pcm", target, sample_rate_hz, answer)
    finally:
        # Not in a thread, so that a cancellation cannot leave the folder behind. It is small.
        shutil.rmtree(folder, ignore_errors=True)


def _request(source: Path, folder: Path, sample_rate_hz: int, limits: DecodeLimits) -> dict[str, Any]:
    return {
        "source": os.path.abspath(source),
        "target": os.path.abspath(folder / "pcm"),
        "sample_rate_hz": sample_rate_hz,
        "duration_s_max": limits.duration_s_max,
        "decoded_bytes_max": limits.decoded_bytes_max,
        "cpu_s": limits.decode_s_max,
    }


def _ending(name: str) -> str:
    """The ending of a file's name, where it is a plain one."""
    ending = name.rpartition(".")[2].lower()
    return ending if ending in SOUND_ENDINGS else ""


def _file_size(path: Path) -> int:
    return path.stat().st_size


def _parse_answer(result: ChildResult, limits: DecodeLimits) -> dict[str, Any]:
    """The child's last line. Raises the error that it reports."""
    if result.timed_out:
        raise DeadlineExceeded(
            f"The file took longer than {limits.decode_s_max:.0f} s to decode.", reason="DECODE_TIMEOUT"
        )
    try:
        answer: dict[str, Any] = json.loads(result.lines[-1])
    except (IndexError, ValueError):
        # A limit killed it, or it crashed in a codec: both are faults of the file.
        message = "The file cannot be decoded as audio. Save it in another format, and send that."
        raise InvalidInput(message, reason="NOT_AUDIO") from None
    if "reason" in answer:
        raise _to_error(str(answer["reason"]), str(answer["message"]))
    return answer


def _to_error(reason: str, message: str) -> ResonanceError:
    return Unavailable(message, reason=reason) if reason == "DISK_FULL" else InvalidInput(message, reason=reason)


def _accept(made: Path, target: Path, sample_rate_hz: int, answer: dict[str, Any]) -> DecodedFile:
    """Takes the child's file after checking every sample: a compromised codec may have written anything."""
    digest, byte_count, peak = hashlib.sha256(), 0, 0.0
    with made.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            samples = np.frombuffer(block, dtype="<f4")
            peak = max(peak, float(np.abs(samples).max()))
            if not np.isfinite(samples).all() or peak > 1.0:
                raise InvalidInput("The file holds samples that are not numbers.", reason="NOT_FINITE")
            digest.update(block)
            byte_count += len(block)
    os.replace(made, target)
    return DecodedFile(
        path=target,
        sample_rate_hz=sample_rate_hz,
        sample_count=byte_count // 4,
        sha256=digest.hexdigest(),
        peak=peak,
        is_damaged=bool(answer["is_damaged"]),
        loudness_lufs=float(answer["loudness_lufs"]),
        gain_db=float(answer["gain_db"]),
        downmix=str(answer["downmix"]),
        is_cut=bool(answer["is_cut"]),
        announced_s=float(answer["announced_s"]),
        stream_count=int(answer["stream_count"]),
        ranges=tuple((int(start), int(end)) for start, end in answer["ranges"]),
    )
