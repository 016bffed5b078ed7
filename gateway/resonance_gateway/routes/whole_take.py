"""Response of a new take that is sent whole, as its kept file."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from resonance.audio.delivery.delivery import Choice
from resonance.ids import sha256_hex
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.routes.delivery import send_kept
from resonance_gateway.routes.take_response import take_headers
from resonance_gateway.services.kept_files import WholeSound
from resonance_gateway.services.take_stream import TakeStream, describe_take
from resonance_gateway.services.takes import read_whole


async def send_whole(
    request: Request, take: TakeStream, choice: Choice, *, headers: Mapping[str, str] | None = None
) -> Response:
    """The kept file of a take, once it is made: the same file as under `/v1/takes/ID/audio`. A client that disconnects stops the take.

    Raises Unavailable where the stream of the take is cut.
    """
    sound = await cancel_on_disconnect(request, read_whole(take))

    async def read_sound() -> WholeSound:
        return sound

    # The finished take knows what its opening could not: the length of a loop, and more notices.
    opening = describe_take(take.take) if take.take is not None else take.opening
    digest = (take.take.audio_sha256 if take.take else "") or sha256_hex(sound.pcm)
    return await send_kept(
        request,
        digest,
        choice,
        read_sound,
        headers=take_headers(opening) | dict(headers or {}),
        stem=f"resonance-{take.opening.request_id}",
        disposition="inline",
    )
