"""Songs of videos: a take's samples from generate, an upload's bytes from ingest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import structlog

from resonance.audio.wav import wav_header
from resonance.client.take_reader import read_take
from resonance.errors import FailedPrecondition, ResonanceError, Unsupported
from resonance.rpc.calls import stream_call, unary_call
from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import audio_pb2, generate_pb2, generate_pb2_grpc, ingest_pb2, ingest_pb2_grpc, steering_pb2
from resonance_video.models import KnownMusic
from resonance_video.models.song_map import SongWord

_UNARY_S_MAX = 20.0
_STREAM_S_MAX = 600.0
_TIMELINE_S_MAX = 120.0
_BPM_MIN, _BPM_MAX = 20.0, 400.0
_log = structlog.get_logger("video")


class Songs:
    """Reads songs for the current owner (`resonance.identity`); another owner's take or upload is not found."""

    def __init__(self, generate: grpc.aio.Channel, ingest: grpc.aio.Channel) -> None:
        self._generate: Any = generate_pb2_grpc.GenerateServiceStub(generate)
        self._ingest: Any = ingest_pb2_grpc.IngestServiceStub(ingest)

    async def check_take(self, take_id: str) -> generate_pb2.Take:
        """The finished take. Raises NotFound, and Unavailable where generate is away."""
        request = generate_pb2.GetTakeRequest(request_id=take_id)
        response = await unary_call(self._generate.GetTake(request, timeout=_UNARY_S_MAX), service="generate")
        take: generate_pb2.Take = response.take
        return take

    async def check_upload(self, upload_id: str) -> None:
        """Returns where the upload is whole. Raises NotFound, and FailedPrecondition (UPLOAD_NOT_WHOLE)."""
        request = ingest_pb2.GetUploadRequest(upload_id=upload_id)
        response = await unary_call(self._ingest.GetUpload(request, timeout=_UNARY_S_MAX), service="ingest")
        if not response.upload.sha256:
            raise FailedPrecondition("the upload is not whole yet: send the rest first", reason="UPLOAD_NOT_WHOLE")

    async def write_take(self, take_id: str, target: Path) -> KnownMusic:
        """Writes the take's own samples as a WAV file, and returns what is known of the music without listening.

        Raises:
            NotFound: there is no such take.
            Unavailable, DataLoss: the samples did not arrive whole; nothing that is left is used.
        """
        take = await self.check_take(take_id)
        call = self._generate.StreamTake(generate_pb2.StreamTakeRequest(request_id=take_id), timeout=_STREAM_S_MAX)
        async with aclosing(stream_call(call, service="generate")) as responses:
            with target.open("wb") as file:
                async for response in read_take(responses):
                    if response.HasField("started"):
                        await asyncio.to_thread(file.write, _header(response.started))
                    elif response.HasField("chunk"):
                        await asyncio.to_thread(file.write, response.chunk.data)
        return known_music(take, await self._find_timeline(take_id))

    async def write_upload(self, upload_id: str, target: Path) -> None:
        """Writes the uploaded file as it is. Raises NotFound, and FailedPrecondition (UPLOAD_NOT_WHOLE)."""
        with target.open("wb") as file:
            async with aclosing(self._read_upload(upload_id)) as pieces:
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)

    async def _find_timeline(self, take_id: str) -> generate_pb2.TakeTimeline | None:
        """The steering timeline. Without one the video follows the take's recipe."""
        request = generate_pb2.GetTakeTimelineRequest(request_id=take_id)
        try:
            answer = await unary_call(
                self._generate.GetTakeTimeline(request, timeout=_TIMELINE_S_MAX), service="generate"
            )
        except ResonanceError as failure:
            _log.warning("a take's timeline could not be read", take=take_id, why=failure.message)
            return None
        timeline: generate_pb2.TakeTimeline = answer.timeline
        return timeline

    async def _read_upload(self, upload_id: str) -> AsyncGenerator[bytes, None]:
        call = self._ingest.ReadUpload(ingest_pb2.ReadUploadRequest(upload_id=upload_id), timeout=_STREAM_S_MAX)
        async with aclosing(stream_call(call, service="ingest")) as responses:
            async for response in responses:
                yield response.data


def known_music(take: generate_pb2.Take, timeline: generate_pb2.TakeTimeline | None = None) -> KnownMusic:
    """Tempo, words, recipes and slider curves of a take: the tempo that was heard, else the one that was asked for."""
    spoken = tuple(SongWord(start_s=one.start_s, end_s=one.end_s, text=one.text) for one in take.narration.sentences)
    bpm = take.bpm if take.HasField("bpm") else take.recipe.bpm if take.recipe.HasField("bpm") else None
    changes = timeline.recipe_changes if timeline is not None else ()
    recipe = tuple((change.sample_offset, _sliders(change.recipe)) for change in changes)
    return KnownMusic(
        tempo_bpm=bpm if bpm is not None and _BPM_MIN <= bpm <= _BPM_MAX else None,
        words=", ".join(prompt.text for prompt in take.recipe.prompts)[:10_000],
        sample_rate_hz=take.format.sample_rate_hz or 32_000,
        recipe=recipe or ((0, _sliders(take.recipe)),),
        projections=_projections(timeline) if timeline is not None else {},
        spoken=spoken,
        projection_rate_hz=timeline.rate_hz if timeline is not None and timeline.rate_hz > 0 else 50.0,
    )


def _projections(timeline: generate_pb2.TakeTimeline) -> dict[str, tuple[float, ...]]:
    """Curves in [-1, 1]. A curve that goes beyond is scaled down by its 95th percentile, and what is still beyond is cut."""
    curves = {}
    for curve in timeline.curves:
        values = np.nan_to_num(np.asarray(curve.values, dtype=np.float64))
        if curve.slider in SLIDER_NAMES and len(values):
            scale = max(1.0, float(np.percentile(np.abs(values), 95)))
            curves[curve.slider] = tuple(np.clip(values / scale, -1, 1).round(4).tolist())
    return curves


def _sliders(recipe: steering_pb2.Recipe) -> dict[str, float]:
    positions = {name: getattr(recipe.sliders, name) for name in SLIDER_NAMES}
    return {name: position for name, position in positions.items() if position}


def _header(started: generate_pb2.GenerationStarted) -> bytes:
    form = started.format
    if form.encoding != audio_pb2.SAMPLE_ENCODING_PCM_S16LE:
        raise Unsupported("a video needs a take of 16-bit samples", reason="UNKNOWN_ENCODING")
    return wav_header(
        sample_rate_hz=form.sample_rate_hz, channel_count=form.channel_count, sample_count=started.sample_count_total
    )
