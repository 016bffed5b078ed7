"""gRPC client of the extract service, behind the Extractor protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict
from grpc_status import rpc_status

from resonance.errors import NotFound, ResonanceError, Unavailable
from resonance.rpc.status import to_domain_error
from resonance.v1 import audio_pb2, extract_pb2, extract_pb2_grpc, ingest_pb2, steering_pb2
from resonance_ingest.jobs.job import Fault, Job
from resonance_ingest.pipeline.clips import CHUNK_SAMPLES, ClipShape, read_chunks
from resonance_ingest.pipeline.extractor import ExtractionObserver
from resonance_ingest.pipeline.preparation import PreparedTrack

_UNARY_S_MAX = 10.0


class ExtractClient:
    """An Extractor over gRPC. A service that sends nothing for `stall_s_max` seconds counts as unavailable."""

    def __init__(self, channel: grpc.aio.Channel, *, stall_s_max: float) -> None:
        self._stall_s_max = stall_s_max
        self._stub = extract_pb2_grpc.ExtractServiceStub(channel)

    async def shape(self) -> ClipShape:
        try:
            found = await self._stub.GetExtractor(extract_pb2.GetExtractorRequest(), timeout=_UNARY_S_MAX)
        except grpc.aio.AioRpcError as failure:
            raise to_domain_error(failure) from failure
        return ClipShape(
            sample_rate_hz=found.model.sample_rate_hz,
            clip_s=found.clip_s,
            hop_s=found.hop_s,
            clip_min_s=found.clip_min_s,
        )

    async def delete_taste(self, taste_id: str) -> None:
        try:
            await self._stub.DeleteTaste(extract_pb2.DeleteTasteRequest(taste_id=taste_id), timeout=_UNARY_S_MAX)
        except grpc.aio.AioRpcError as failure:
            error = to_domain_error(failure)
            if not isinstance(error, NotFound):
                raise error from failure

    async def extract(self, job: Job, tracks: Sequence[PreparedTrack], observer: ExtractionObserver) -> dict[str, Any]:
        call = self._stub.ExtractTaste()
        sending: asyncio.Task[None] | None = None
        try:
            start = extract_pb2.ExtractTasteRequest(start=_to_start(job, tracks))
            await _within(self._stall_s_max, call.write(start))
            responses = aiter(call)
            while (response := await _within(self._stall_s_max, anext(responses, None))) is not None:
                if response.HasField("taste"):
                    return MessageToDict(response.taste, preserving_proto_field_name=True)
                if response.HasField("plan") and sending is None:
                    sending = asyncio.create_task(_send_clips(call, tracks, _read_plan(response.plan)))
                _observe(response, observer)
        except grpc.aio.AioRpcError as failure:
            raise _to_error(failure) from failure
        except (asyncio.InvalidStateError, asyncio.CancelledError) as failure:
            await _raise_reason(call, sending, failure)
            raise
        finally:
            call.cancel()
            await _stop(sending)
        raise Unavailable("the extractor ended without a taste", reason="EXTRACT_ENDED_EARLY", retry_after_s=1.0)


_CUT = (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.CANCELLED)


def _to_error(failure: grpc.aio.AioRpcError) -> ResonanceError:
    """The domain error of a failed call. A broken connection carries no status of ours: another try may succeed."""
    if failure.code() in _CUT and rpc_status.from_call(failure) is None:
        return Unavailable(
            f"the extractor's call broke: {failure.details()}", reason="EXTRACT_UNAVAILABLE", retry_after_s=1.0
        )
    return to_domain_error(failure)


async def _within(seconds: float, step: Awaitable[Any]) -> Any:
    """The step's result. Raises Unavailable where the extractor sends nothing for so long."""
    try:
        async with asyncio.timeout(seconds):
            return await step
    except TimeoutError:
        message = f"the extractor sent nothing for {seconds:.0f} s"
        raise Unavailable(message, reason="EXTRACT_STALLED", retry_after_s=1.0) from None


async def _send_clips(call: Any, tracks: Sequence[PreparedTrack], clips_known: Mapping[int, int]) -> None:
    """Sends the clips of the wanted tracks. `write` waits while the extractor is behind, so that no samples pile up here."""
    try:
        sequence = sample_offset = 0
        for track in tracks:
            if track.index not in clips_known:
                continue
            async for request in _read_clips(track, clips_known[track.index]):
                if request.HasField("chunk"):
                    request.chunk.sequence, request.chunk.sample_offset = sequence, sample_offset
                    sequence, sample_offset = sequence + 1, sample_offset + request.chunk.sample_count
                await call.write(request)
        await call.done_writing()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        return  # the call is over; its reader raises the reason
    except OSError:
        call.cancel()
        raise


async def _read_clips(track: PreparedTrack, clips_known: int) -> AsyncIterator[Any]:
    assert track.path is not None, "the pipeline prepares what the plan wants"
    for clip in track.clips[clips_known:]:
        opening = ingest_pb2.ClipOpening(
            track_index=track.index,
            clip_index=clip.index,
            start_s=clip.start / track.sound.sample_rate_hz,
            sample_count=clip.sample_count,
        )
        yield extract_pb2.ExtractTasteRequest(clip=opening)
        # A clip of 1.3 MB is read in a thread, so that the disk does not block the event loop.
        for data in await asyncio.to_thread(read_chunks, track.path, clip):
            chunk = audio_pb2.AudioChunk(sample_count=len(data) // 4, data=data)
            assert chunk.sample_count <= CHUNK_SAMPLES
            yield extract_pb2.ExtractTasteRequest(chunk=chunk)


async def _raise_reason(call: Any, sending: asyncio.Task[None] | None, failure: BaseException) -> None:
    """Raises the reason of a broken stream. grpc.aio reports a call that ended under a write as InvalidStateError, and a
    call that we cancelled as CancelledError."""
    if sending is not None and sending.done() and not sending.cancelled():
        reason = sending.exception()
        if isinstance(reason, OSError):
            raise Unavailable(f"a prepared track cannot be read: {reason}", reason="DISK_FAILED") from reason
    if isinstance(failure, asyncio.InvalidStateError):
        message = await call.details() or "the extractor ended the call"
        raise Unavailable(message, reason="EXTRACT_UNAVAILABLE", retry_after_s=1.0) from failure


async def _stop(sending: asyncio.Task[None] | None) -> None:
    if sending is not None:
        sending.cancel()
        with suppress(asyncio.CancelledError, OSError):
            await sending


def _to_start(job: Job, prepared: Sequence[PreparedTrack]) -> extract_pb2.ExtractionStart:
    tracks = [
        extract_pb2.ExtractionTrack(
            title=track.title[:500],
            sha256=track.sound.sha256,
            duration_s=track.sound.duration_s,
            clip_count=len(track.clips),
            index=track.index,
        )
        for track in prepared
    ]
    options = ParseDict(job.options, steering_pb2.TasteOptions())
    return extract_pb2.ExtractionStart(taste_id=job.job_id, tracks=tracks, options=options, title=job.title[:200])


def _read_plan(plan: extract_pb2.ExtractionPlan) -> dict[int, int]:
    """The wanted tracks by index, each with the number of its first clips that the extractor knows."""
    return dict.fromkeys(plan.track_indices, 0) | dict(zip(plan.track_indices, plan.clips_known, strict=False))


def _observe(response: extract_pb2.ExtractTasteResponse, observer: ExtractionObserver) -> None:
    """Passes an event on; events of a later version are ignored."""
    if response.HasField("plan"):
        observer.on_plan(_read_plan(response.plan))
    elif response.HasField("progress"):
        observer.on_clip(response.progress.track_index, response.progress.clips_done)
    elif response.HasField("track_fault"):
        fault = response.track_fault.fault
        observer.on_refusal(response.track_fault.track_index, Fault(reason=fault.reason, message=fault.message))
