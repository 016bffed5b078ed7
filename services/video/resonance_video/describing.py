"""Spoken descriptions: the summaries of a plan's shots, spoken by the speech service and placed in their shots."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc

from resonance.audio.wav import wav_header
from resonance.errors import DataLoss, ResonanceError
from resonance.rpc.calls import stream_call
from resonance.v1 import speech_pb2, speech_pb2_grpc
from resonance_video.models import Shot, ShotPlan

# A summary begins this long after its cut, and this long after the summary before it has ended.
LEAD_S, GAP_S = 0.25, 0.35
# A summary that could only begin so long after its shot's end would describe another picture.
LATE_S_MAX = 1.0
_SPEED = 1.1
# The mix of the described version holds the whole song in memory, about 1.2 MB for each second.
DESCRIBED_S_MAX = 600.0
Span = tuple[float, float]
_CALL_S_MAX = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenSummary:
    """One spoken summary: a mono WAV file, and when it is heard, in seconds of the film."""

    shot_id: str
    path: Path
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenSummaries:
    """The spoken summaries of a film in the order of time, and what could not be spoken, as notices."""

    summaries: tuple[SpokenSummary, ...] = ()
    notices: tuple[str, ...] = ()


class Describer(Protocol):
    """Speaks the summaries of a plan."""

    async def describe(self, plan: ShotPlan, folder: Path, *, busy_s: Sequence[Span] = ()) -> SpokenSummaries:
        """The summaries as files in `folder`. None is heard within `busy_s`: spans in seconds, in the order of time.

        Raises:
            ResonanceError: the speech service is away, or cannot say them.
        """
        ...


class SpeechDescriber:
    """Summaries in the default voice of the speech service. A shot that shows what the shot before it showed is not described again."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: Any = speech_pb2_grpc.SpeechServiceStub(channel)

    async def describe(self, plan: ShotPlan, folder: Path, *, busy_s: Sequence[Span] = ()) -> SpokenSummaries:
        shots = [
            shot for before, shot in zip((None, *plan.shots), plan.shots, strict=False) if not _repeats(before, shot)
        ]
        spoken = [await self._speak(shot.summary, folder / f"summary-{shot.id}.wav") for shot in shots]
        starts_s = place_summaries(shots, spoken, fps=plan.fps, film_s=plan.frames / plan.fps, busy_s=busy_s)
        summaries = tuple(
            SpokenSummary(shot_id=shot.id, path=folder / f"summary-{shot.id}.wav", start_s=start_s)
            for shot, start_s in zip(shots, starts_s, strict=True)
            if start_s is not None
        )
        left_out = [shot.id for shot, start_s in zip(shots, starts_s, strict=True) if start_s is None]
        notice = f"there was no time to speak the descriptions of {', '.join(left_out)}; descriptions.vtt has them"
        return SpokenSummaries(summaries=summaries, notices=(notice[:400],) if left_out else ())

    async def _speak(self, text: str, target: Path) -> float:
        """Writes one spoken text; returns its length in seconds."""
        request = speech_pb2.SpeakRequest(text=text, speed=_SPEED)
        parts, rate_hz, digest = list[bytes](), 0, b""
        call = self._stub.Speak(request, timeout=_CALL_S_MAX)
        async with aclosing(stream_call(call, service="speech")) as responses:
            async for response in responses:
                if response.HasField("started"):
                    rate_hz = response.started.format.sample_rate_hz
                elif response.HasField("chunk"):
                    parts.append(response.chunk.data)
                elif response.HasField("finished"):
                    digest = response.finished.sha256
        pcm = b"".join(parts)
        if not rate_hz or hashlib.sha256(pcm).digest() != digest:
            raise DataLoss("a spoken description did not come whole", reason="SPEECH_DAMAGED")
        header = wav_header(sample_rate_hz=rate_hz, channel_count=1, sample_count=len(pcm) // 2)
        await asyncio.to_thread(target.write_bytes, header + pcm)
        return len(pcm) / 2 / rate_hz


def place_summaries(
    shots: Sequence[Shot], lengths_s: Sequence[float], *, fps: int, film_s: float, busy_s: Sequence[Span] = ()
) -> list[float | None]:
    """When each summary begins, in seconds; None where it would come too late for its shot or not end within the film.

    A summary waits for the one before it and for the spans of `busy_s`, so that no two are heard at once.
    """
    starts: list[float | None] = []
    free_s = 0.0
    for shot, length_s in zip(shots, lengths_s, strict=True):
        start_s = max(shot.start_frame / fps + LEAD_S, free_s)
        for begins_s, ends_s in busy_s:
            if begins_s < start_s + length_s + GAP_S and start_s < ends_s + GAP_S:
                start_s = ends_s + GAP_S
        is_late = start_s > shot.end_frame / fps + LATE_S_MAX or start_s + length_s > film_s
        starts.append(None if is_late else start_s)
        if not is_late:
            free_s = start_s + length_s + GAP_S
    return starts


def _repeats(before: Shot | None, shot: Shot) -> bool:
    return before is not None and before.summary == shot.summary


async def describe_if_possible(
    describer: Describer | None, plan: ShotPlan, folder: Path, *, busy_s: Sequence[Span] = ()
) -> SpokenSummaries:
    """The spoken summaries, none of them within `busy_s`, where the song speaks.

    Where there is no voice the film is made without them, and a notice says why.
    """
    if describer is None:
        return SpokenSummaries()
    if plan.frames > plan.fps * DESCRIBED_S_MAX:
        return SpokenSummaries(notices=(f"songs above {DESCRIBED_S_MAX / 60:g} minutes get no described version",))
    try:
        return await describer.describe(plan, folder, busy_s=busy_s)
    except ResonanceError as failure:
        return SpokenSummaries(notices=(f"there is no described version: {failure.message}"[:400],))
