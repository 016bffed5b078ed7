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

from resonance.audio.wav import wav_header
from resonance.errors import ResonanceError
from resonance.v1 import generate_pb2
from resonance_gateway.http.middleware import BodyCutError
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


def take_response(take: TakeStream) -> StreamingResponse:
    """A whole WAV file; from a resumed take the raw samples that are left (16-bit little-endian, interleaved)."""
    opening = take.opening
    headers = take_headers(opening) | queue_headers(take.queued)
    if take.sample_offset:
        headers |= {"X-Sample-Offset": str(take.sample_offset), "X-Sample-Format": "s16le"}
        headers["Content-Length"] = str(take.byte_count)
        return StreamingResponse(stream_pcm(take, b""), media_type=RAW_TYPE, headers=headers)
    header = build_wav_header(opening)
    headers["Content-Length"] = str(len(header) + take.byte_count)
    return StreamingResponse(stream_pcm(take, header), media_type="audio/wav", headers=headers)


def build_wav_header(opening: TakeOpening) -> bytes:
    """The WAV header of the whole take, with its provenance."""
    return wav_header(
        sample_rate_hz=opening.sample_rate_hz,
        channel_count=opening.channel_count,
        sample_count=opening.sample_count_total,
        info=opening.info,
    )


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


async def stream_pcm(take: TakeStream, before: bytes) -> AsyncGenerator[bytes, None]:
    """The samples after the header `before`. A failure cuts the body short; it is never padded.

    While the take waits for a slot, the header is sent byte by byte, one for each empty block: a proxy does not close the connection.
    """
    async with aclosing(take.pcm()) as blocks:
        try:
            async for block in blocks:
                if not block:
                    if before:
                        yield before[:1]
                    before = before[1:]
                    continue
                yield before + block if before else block
                before = b""
                await asyncio.sleep(0)  # a generator that never suspends keeps uvicorn from handling SIGTERM
        except (ResonanceError, TakeCutError) as failure:
            raise BodyCutError(str(failure)) from failure


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def _ascii(text: str) -> str:
    """The text with `?` for what an HTTP header cannot hold."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)
