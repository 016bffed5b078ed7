"""Versions of a take that another service makes of its samples, such as a narrated one. They have no tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator

from resonance.errors import InvalidInput, invalid_field
from resonance.ids import canonical_digest
from resonance.v1 import generate_pb2
from resonance_generate.takes.library import TakeLibrary


class TakeVersions:
    """Stores such versions beside the takes that they were made from."""

    def __init__(self, takes: TakeLibrary) -> None:
        self._takes = takes

    async def add(self, requests: AsyncIterator[generate_pb2.AddVersionRequest]) -> generate_pb2.Take:
        """The stored version; one that was stored under the same id before is answered at once.

        Raises:
            InvalidInput: the upload has no opening, a second one, or another number of samples than the take.
            NotFound: there is no such take.
            Conflict: the id stands for another request.
        """
        first = await anext(requests, None)
        if first is None or first.WhichOneof("part") != "opening":
            raise invalid_field("opening", "REQUIRED", "the first message must have it")
        opening = first.opening
        take = await self._takes.get(opening.take_request_id)
        is_known = await self._takes.claim(opening.request_id, _digest(opening))
        if is_known and (stored := await self._takes.find(opening.request_id)) is not None:
            return stored
        pcm = await _read_pcm(requests, byte_count=len(await self._takes.pcm(take)))
        version = _describe(take, opening)
        await self._takes.save(version, pcm)
        return version


async def _read_pcm(requests: AsyncIterator[generate_pb2.AddVersionRequest], *, byte_count: int) -> list[bytes]:
    """The samples in parts. Raises InvalidInput where they are not `byte_count` bytes."""
    parts, size = list[bytes](), 0
    async for request in requests:
        if request.WhichOneof("part") != "pcm":
            raise invalid_field("opening", "REPEATED", "only the first message has one")
        size += len(request.pcm)
        if size > byte_count:
            break
        parts.append(request.pcm)
    if size != byte_count:
        message = (
            f"a version has the {byte_count} bytes of samples of its take, not {'more' if size > byte_count else size}"
        )
        raise InvalidInput(message, reason="OTHER_LENGTH")
    return parts


def _describe(take: generate_pb2.Take, opening: generate_pb2.VersionOpening) -> generate_pb2.Take:
    version = generate_pb2.Take()
    version.CopyFrom(take)
    version.request_id = opening.request_id
    version.narration.CopyFrom(opening.narration)
    version.narration.take_request_id = take.request_id
    version.notices.extend(opening.notices)
    version.cost_usd = opening.cost_usd
    for field in ("audio_key", "audio_sha256", "codes_key", "codes_sha256", "create_time"):
        version.ClearField(field)
    return version


def _digest(opening: generate_pb2.VersionOpening) -> str:
    """The digest of the request behind it: what a voice of elsewhere says twice is not the same twice."""
    if opening.narration.request_digest:
        return canonical_digest(["version", opening.take_request_id, opening.narration.request_digest])
    return canonical_digest(["version", opening.SerializeToString(deterministic=True).hex()])
