"""Formats of delivered sound: the choice of a request, and the response of a kept file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from resonance.audio.delivery import formats
from resonance.audio.delivery.delivery import Choice, Delivery
from resonance_gateway.http.bodies import check
from resonance_gateway.http.byte_ranges import Sound, ranged_response
from resonance_gateway.http.requests import read_query
from resonance_gateway.services.kept_files import KeptFiles, WholeSound

BINARY = {"type": "string", "format": "binary"}
MEDIA_TYPES = formats.MEDIA_TYPES
FILE_RESPONSES = {
    200: ("The whole file", MEDIA_TYPES, BINARY),
    206: ("The range", MEDIA_TYPES, BINARY),
    304: ("The client has it already", "", {}),
}
Format = Annotated[str, Field(description=f"One of {formats.NAMES}; without it the Accept header decides, else wav.")]
Raw = Annotated[
    bool, Field(description="The model's own samples to the bit: no levelling and no watermark. wav or flac.")
]
Level = Annotated[
    bool, Field(description="False leaves the loudness as it is; offset, edges and peaks are mended still.")
]


class FormatQuery(BaseModel):
    """The format, in the query of a request whose body has the rest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Format | None = None


class DeliveryQuery(FormatQuery):
    """The choice of a file, in a query."""

    raw: Raw = False
    level: Level = True


DELIVERY_FIELDS = {"format", "raw", "level"}


def read_choice(request: Request, *, name: str | None, raw: bool, level: bool) -> Choice:
    """The choice by name, else by the Accept header.

    Raises:
        InvalidInput: the name is unknown, or raw samples are asked for in a lossy format.
        HTTPException: 406, the Accept header has none of the formats.
    """
    form = (
        formats.format_named(name) if name is not None else formats.format_accepted(request.headers.get("accept", ""))
    )
    if form is None:
        raise HTTPException(406, f"sound comes as {formats.MEDIA_TYPES}; Accept one of them, or name a format")
    return Choice(form=form, is_raw=raw, is_levelled=level)


def read_query_choice(request: Request, *, ignores_others: bool = False) -> Choice:
    """The choice of a request whose choice stands in its query. With `ignores_others` other parameters are no fault."""
    if ignores_others:
        query = check(
            DeliveryQuery, {key: text for key, text in request.query_params.items() if key in DELIVERY_FIELDS}
        )
    else:
        query = read_query(request, DeliveryQuery)
    return read_choice(request, name=query.format, raw=query.raw, level=query.level)


def get_delivery(connection: HTTPConnection) -> Delivery:
    """The delivery of this process."""
    delivery: Delivery = connection.app.state.delivery
    return delivery


async def send_kept(
    request: Request,
    audio_sha256: str,
    choice: Choice,
    read_sound: Callable[[], Awaitable[WholeSound]],
    *,
    headers: Mapping[str, str],
    stem: str,
    disposition: str = "attachment",
) -> Response:
    """The kept file, or the range of it that was asked for."""
    files: KeptFiles = request.app.state.kept_files
    kept = await files.get(audio_sha256, choice, read_sound)
    sent = {
        "Vary": "Accept",
        "Content-Disposition": f'{disposition}; filename="{stem}{kept.form.endings[0]}"',
        **headers,
    }
    sound = Sound(size=kept.byte_count, etag=kept.sha256, media_type=kept.form.media_type, headers=sent)
    return await ranged_response(request, sound, kept.read(), _nothing_to_close)


async def _nothing_to_close() -> None:
    """The file is opened when its first byte is read."""
