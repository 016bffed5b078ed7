"""HTTP response of a take.

The headers carry the exact length; the samples follow while they are made.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse

from resonance.audio.delivery.delivery import Choice, Delivery, LiveFile
from resonance.errors import ResonanceError
from resonance.v1 import generate_pb2
from resonance_gateway.http.request_log import BodyCutError
from resonance_gateway.services.take_stream import TakeCutError, TakeOpening, TakeStream

RAW_TYPE = "application/octet-stream"
HEADERS = {
    "X-Request-Id": "Names the take.",
    "X-Sample-Rate": "Samples a second.",
    "X-Duration-S": "The exact length in seconds.",
    "X-Backend": "What ran the model.",
    "X-Model": "Which model.",
    "X-Steering": "What steers it, at the strengths that act, as compact JSON, or `none`.",
    "X-Seed": "Repeats the take.",
    "X-Recipe-Id": "The digest of the recipe.",
    "X-Queue-Place": "The take's place in the queue, where it waits for a slot still; absent where it does not.",
    "X-Queue-Wait-S": "An estimate of that wait in seconds; absent where none can be made.",
    "X-Notices": "What was changed about the request, as a JSON list of sentences; absent where nothing was.",
}


def take_response(
    take: TakeStream, delivery: Delivery, choice: Choice, *, resume_sample_offset: int = 0
) -> StreamingResponse:
    """A whole file while it is made; from a resumed take the samples that are left (16-bit little-endian, interleaved).

    Raw samples begin at the take's own `sample_offset`. Levelled ones depend on all samples before them: the take is read from its
    beginning, and `resume_sample_offset` samples are left out.
    """
    opening = take.opening
    headers = take_headers(opening) | queue_headers(take.queued) | {"Vary": "Accept"}
    offset = take.sample_offset or resume_sample_offset
    if offset:
        headers |= {"X-Sample-Offset": str(offset), "X-Sample-Format": "s16le"}
        headers["Content-Length"] = str((opening.sample_count_total - offset) * opening.channel_count * 2)
        skipped = resume_sample_offset * opening.channel_count * 2
        body = _skip(stream_pcm(take) if choice.is_raw else _stream_levelled(take, delivery, choice), skipped)
        return StreamingResponse(body, media_type=RAW_TYPE, headers=headers)
    live = _open_live(take, delivery, choice)
    if live.byte_count is not None:
        headers["Content-Length"] = str(live.byte_count)
    headers["Content-Disposition"] = f'inline; filename="resonance-{opening.request_id}{choice.form.endings[0]}"'
    return StreamingResponse(_stream_file(take, live), media_type=choice.form.media_type, headers=headers)


def stream_file(take: TakeStream, delivery: Delivery, choice: Choice) -> AsyncGenerator[bytes, None]:
    """The file while it is made; an empty block now and then while the take waits and the file's header is sent."""
    return _stream_file(take, _open_live(take, delivery, choice))


def _open_live(take: TakeStream, delivery: Delivery, choice: Choice) -> LiveFile:
    opening = take.opening
    return delivery.live(
        opening.provenance,
        choice,
        sample_rate_hz=opening.sample_rate_hz,
        channel_count=opening.channel_count,
        sample_count=opening.sample_count_total,
    )


async def _stream_file(take: TakeStream, live: LiveFile) -> AsyncGenerator[bytes, None]:
    """The file; its samples are mastered and encoded on a thread.

    While the take waits for a slot, its first bytes are sent one by one, one for each empty block: a proxy does not close the connection.
    """
    head = await asyncio.to_thread(live.start)
    async with aclosing(stream_pcm(take)) as blocks:
        async for block in blocks:
            if not block:
                if head:
                    yield head[:1]
                head = head[1:]
                continue
            if data := head + await asyncio.to_thread(live.push, block):
                yield data
            head = b""
    yield head + await asyncio.to_thread(live.finish)


async def _stream_levelled(take: TakeStream, delivery: Delivery, choice: Choice) -> AsyncGenerator[bytes, None]:
    """The samples of the levelled stream without a file around them."""
    opening = take.opening
    master = delivery.live_samples(
        opening.provenance,
        choice,
        sample_rate_hz=opening.sample_rate_hz,
        channel_count=opening.channel_count,
    )
    async with aclosing(stream_pcm(take)) as blocks:
        async for block in blocks:
            if data := await asyncio.to_thread(master.push, block):
                yield data
    yield await asyncio.to_thread(master.finish)


async def _skip(blocks: AsyncGenerator[bytes, None], count: int) -> AsyncGenerator[bytes, None]:
    """The stream without its first `count` bytes."""
    async with aclosing(blocks):
        async for block in blocks:
            if left := block[count:]:
                yield left
            count = max(0, count - len(block))


def take_headers(opening: TakeOpening) -> dict[str, str]:
    """The headers of a take, sent before its first sample."""
    headers = {
        "X-Request-Id": opening.request_id,
        "X-Sample-Rate": str(opening.sample_rate_hz),
        "X-Duration-S": f"{opening.duration_s:.6f}".rstrip("0").rstrip("."),
        "X-Backend": _ascii(opening.model["backend"]),
        "X-Model": _ascii(opening.model["model_id"]),
        "X-Steering": describe_steering(opening.recipe, opening.played),
        "X-Seed": str(opening.seed),
        "X-Recipe-Id": _ascii(opening.recipe_id),
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    if opening.notices:
        headers["X-Notices"] = _compact(list(opening.notices))
    return headers


def queue_headers(queued: generate_pb2.GenerationQueued | None) -> dict[str, str]:
    """The place of a take whose headers are sent while it waits."""
    if queued is None:
        return {}
    headers = {"X-Queue-Place": str(queued.place)}
    return headers | ({"X-Queue-Wait-S": str(math.ceil(queued.wait_s))} if queued.HasField("wait_s") else {})


def describe_steering(recipe: Mapping[str, Any], played: Sequence[Mapping[str, Any]]) -> str:
    """The steering of a take as compact JSON: tastes and concepts at the strengths that act, sliders at their positions.

    Strength 0, and a slider on a side that calibration has closed, are left out. Without `played` the recipe counts.
    """
    if played:
        acting = [use for use in played if use["strength"]]
        steering = {
            "tastes": {use["name"]: use["strength"] for use in acting if use["kind"] == "taste"},
            "concepts": {use["name"]: use["strength"] for use in acting if use["kind"] == "concept"},
            "sliders": {use["name"]: use["asked"] for use in acting if use["kind"] == "slider"},
        }
    else:
        steering = {
            "tastes": {use["taste_id"]: use["strength"] for use in recipe["tastes"]},
            "concepts": {use["name"]: use["strength"] for use in recipe["concepts"]},
            "sliders": recipe["sliders"] or {},
        }
    acting_by_kind = {kind: {name: use for name, use in uses.items() if use} for kind, uses in steering.items()}
    described = {kind: uses for kind, uses in acting_by_kind.items() if uses}
    return _compact(described) if described else "none"


async def stream_pcm(take: TakeStream) -> AsyncGenerator[bytes, None]:
    """The model's own samples; an empty block now and then while the take waits for a slot. A failure cuts the body short."""
    async with aclosing(take.pcm()) as blocks:
        try:
            async for block in blocks:
                yield block
                await asyncio.sleep(0)  # a generator that never suspends keeps uvicorn from handling SIGTERM
        except (ResonanceError, TakeCutError) as failure:
            raise BodyCutError(str(failure)) from failure


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def _ascii(text: str) -> str:
    """The text with `?` for what an HTTP header cannot hold."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)
