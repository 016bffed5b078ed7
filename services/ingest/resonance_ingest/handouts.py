"""Links to stored sound: 128 random bits that expire and can be taken back, and the store's own signed link where it has one."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass

import structlog

from resonance.errors import DataLoss, NotFound
from resonance.identity import acting_as, current_owner
from resonance.ids import sha256_hex
from resonance.keys import take_audio_key
from resonance.store import ObjectStore, StoredObject
from resonance.v1 import handouts_pb2, handouts_pb2_grpc

_EXPIRE_S = 3600.0
_DIRECT_EXPIRE_S_MAX = 15 * 60.0  # nobody can take a signed link back
_PIECE_BYTES = 256 * 1024
_log = structlog.get_logger("ingest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handout:
    """What a token stands for: an owner's object, its size and digest, and until when, in milliseconds since 1970."""

    owner: str
    key: str
    byte_count: int
    sha256: str
    expires_ms: int


class Handouts(handouts_pb2_grpc.HandoutServiceServicer):
    """The servicer. The token's digest is the link's id, so that whoever reads the store cannot read by its links."""

    def __init__(self, store: ObjectStore, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms

    async def CreateHandout(  # noqa: N802
        self, request: handouts_pb2.CreateHandoutRequest, context: object
    ) -> handouts_pb2.CreateHandoutResponse:
        key = take_audio_key(request.request_id)
        try:
            found = await self._store.get(key)
        except NotFound:
            raise NotFound(f"there is no finished take {request.request_id}", reason="NO_SUCH_TAKE") from None
        expire_s = request.expire_s or _EXPIRE_S
        handout = Handout(
            owner=current_owner(),
            key=key,
            byte_count=len(found.data),
            sha256=found.sha256,
            expires_ms=self._now_ms() + round(expire_s * 1000),
        )
        token = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
        await self._store.create(_key(_id_of(token)), json.dumps(asdict(handout)).encode())
        message = _message(_id_of(token), handout)
        message.token = token
        direct = await self._store.presigned_url(
            key, expires_s=min(expire_s, _DIRECT_EXPIRE_S_MAX), filename=f"resonance-{request.request_id}.wav"
        )
        message.direct_url = direct or ""
        return handouts_pb2.CreateHandoutResponse(handout=message)

    async def ReadHandout(  # noqa: N802
        self, request: handouts_pb2.ReadHandoutRequest, context: object
    ) -> AsyncIterator[handouts_pb2.ReadHandoutResponse]:
        handout_id = _id_of(request.token)
        handout = await self._find(handout_id)
        with acting_as(handout.owner):
            found = await self._store.get(handout.key)
        if found.sha256 != handout.sha256:
            raise DataLoss("what the link stands for is damaged", reason="TAKE_DAMAGED")
        yield handouts_pb2.ReadHandoutResponse(handout=_message(handout_id, handout))
        for at in range(request.offset, len(found.data), _PIECE_BYTES):
            yield handouts_pb2.ReadHandoutResponse(data=found.data[at : at + _PIECE_BYTES])

    async def RevokeHandout(  # noqa: N802
        self, request: handouts_pb2.RevokeHandoutRequest, context: object
    ) -> handouts_pb2.RevokeHandoutResponse:
        handout = await self._find(request.handout_id)
        if handout.owner != current_owner():
            raise _none()
        await self._store.delete(_key(request.handout_id))
        return handouts_pb2.RevokeHandoutResponse()

    async def forget_expired(self) -> None:
        """Removes the links that are worthless."""
        for key in [key async for key in self._store.keys("handouts/")]:
            try:
                handout = _handout_in(await self._store.get(key))
            except NotFound:
                continue
            except DataLoss as failure:  # one that cannot be read must not stand in the way of all others
                _log.warning("a link cannot be read", key=key, why=failure.message)
                continue
            if handout.expires_ms <= self._now_ms():
                await self._store.delete(key)

    async def _find(self, handout_id: str) -> Handout:
        """The link. One that has expired and one that never was are the same."""
        try:
            handout = _handout_in(await self._store.get(_key(handout_id)))
        except NotFound:
            raise _none() from None
        if handout.expires_ms <= self._now_ms():
            raise _none()
        return handout


def _handout_in(found: StoredObject) -> Handout:
    try:
        return Handout(**json.loads(found.data))
    except (ValueError, TypeError) as failure:
        raise DataLoss("a link's document cannot be read by this version", reason="LINK_UNREADABLE") from failure


def _none() -> NotFound:
    return NotFound("there is no such link, or it has expired", reason="NO_SUCH_LINK")


def _id_of(token: str) -> str:
    return sha256_hex(token.encode())


def _key(handout_id: str) -> str:
    return f"handouts/{handout_id}"


def _message(handout_id: str, handout: Handout) -> handouts_pb2.Handout:
    message = handouts_pb2.Handout(handout_id=handout_id, byte_count=handout.byte_count, sha256=handout.sha256)
    message.expire_time.FromMilliseconds(handout.expires_ms)
    return message
