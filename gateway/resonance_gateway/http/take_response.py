"""A take as an HTTP response: exact length first, then samples as they are made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse

from resonance.audio.wav import wav_header
from resonance.errors import ResonanceError
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
    "X-Notices": "What was changed about the request, as a JSON list of sentences; absent where nothing was.",
}


def take_response(take: TakeStream) -> StreamingResponse:
    """A whole WAV file; from a resumed take the raw samples that are left (16-bit little-endian, interleaved)."""
    opening = take.opening
    headers = take_headers(opening)
    if take.sample_offset:
        headers |= {"X-Sample-Offset": str(take.sample_offset), "X-Sample-Format": "s16le"}
        headers["Content-Length"] = str(take.byte_count)
        return StreamingResponse(paced(take, b""), media_type=RAW_TYPE, headers=headers)
    header = build_wav_header(opening)
    headers["Content-Length"] = str(len(header) + take.byte_count)
    return StreamingResponse(paced(take, header), media_type="audio/wav", headers=headers)


def build_wav_header(opening: TakeOpening) -> bytes:
    """The WAV header of the whole take, with what made it."""
    return wav_header(
        sample_rate_hz=opening.sample_rate_hz,
        channel_count=opening.channel_count,
        sample_count=opening.sample_count_total,
        info=opening.info,
    )


def take_headers(opening: TakeOpening) -> dict[str, str]:
    """What programs may want to know before the first sample."""
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


def describe_steering(recipe: Mapping[str, Any], played: Sequence[Mapping[str, Any]]) -> str:
    """What steers: tastes and concepts at the strengths that act, sliders at their positions.

    What does nothing is left out: strength 0, and a slider on a side that calibration has closed. Takes of older versions do not know what
    was played; theirs is what was asked.
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
    said = {kind: kept for kind, uses in steering.items() if (kept := {name: use for name, use in uses.items() if use})}
    return _compact(said) if said else "none"


async def paced(take: TakeStream, before: bytes) -> AsyncGenerator[bytes, None]:
    """The samples after `before`. A failure on the way cuts the body short; it is never padded."""
    async with aclosing(take.pcm()) as pieces:
        if before:
            yield before
        try:
            async for piece in pieces:
                yield piece
                await asyncio.sleep(0)  # a generator that never suspends makes uvicorn deaf to SIGTERM
        except ResonanceError as failure:
            raise TakeCutError(failure.message) from failure


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def _ascii(text: str) -> str:
    """A header holds printable ASCII only."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)
