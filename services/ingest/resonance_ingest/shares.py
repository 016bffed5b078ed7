"""Share links of takes: expiring, revocable, or store-signed.

A token has 128 random bits.
"""

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
from resonance.store import ObjectStore, StoredObject
from resonance.store.keys import SHARES, share_key, take_audio_key
from resonance.v1 import shares_pb2, shares_pb2_grpc

_EXPIRE_S = 3600.0
_DIRECT_EXPIRE_S_MAX = 15 * 60.0  # a signed link cannot be revoked
_PIECE_BYTES = 256 * 1024
_log = structlog.get_logger("ingest")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLink:
    """The object behind a token: owner, key, size, digest, and the expiry in milliseconds since 1970."""

    owner: str
    key: str
    byte_count: int
    sha256: str
    expires_ms: int


class ShareLinks(shares_pb2_grpc.ShareServiceServicer):
    """The servicer. The token's digest is the link's id, so that a reader of the store cannot use its links."""

    def __init__(self, store: ObjectStore, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms

    async def CreateShareLink(  # noqa: N802
        self, request: shares_pb2.CreateShareLinkRequest, context: object
    ) -> shares_pb2.CreateShareLinkResponse:
        key = take_audio_key(request.request_id)
        try:
            found = await self._store.get(key)
        except NotFound:
            raise NotFound(f"there is no finished take {request.request_id}", reason="NO_SUCH_TAKE") from None
        expire_s = request.expire_s or _EXPIRE_S
        share_link = ShareLink(
            owner=current_owner(),
            key=key,
            byte_count=len(found.data),
            sha256=found.sha256,
            expires_ms=self._now_ms() + round(expire_s * 1000),
        )
        token = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
        await self._store.create(share_key(_to_id(token)), json.dumps(asdict(share_link)).encode())
        message = _to_message(_to_id(token), share_link)
        message.token = token
        direct = await self._store.presigned_url(
            key, expires_s=min(expire_s, _DIRECT_EXPIRE_S_MAX), filename=f"resonance-{request.request_id}.wav"
        )
        message.direct_url = direct or ""
        return shares_pb2.CreateShareLinkResponse(share_link=message)

    async def ReadShareLink(  # noqa: N802
        self, request: shares_pb2.ReadShareLinkRequest, context: object
    ) -> AsyncIterator[shares_pb2.ReadShareLinkResponse]:
        share_link_id = _to_id(request.token)
        share_link = await self._find(share_link_id)
        with acting_as(share_link.owner):
            found = await self._store.get(share_link.key)
        if found.sha256 != share_link.sha256:
            raise DataLoss("the sound behind the link is damaged", reason="TAKE_DAMAGED")
        yield shares_pb2.ReadShareLinkResponse(share_link=_to_message(share_link_id, share_link))
        for at in range(request.offset, len(found.data), _PIECE_BYTES):
            yield shares_pb2.ReadShareLinkResponse(data=found.data[at : at + _PIECE_BYTES])

    async def RevokeShareLink(  # noqa: N802
        self, request: shares_pb2.RevokeShareLinkRequest, context: object
    ) -> shares_pb2.RevokeShareLinkResponse:
        share_link = await self._find(request.share_link_id)
        if share_link.owner != current_owner():
            raise _not_found()
        await self._store.delete(share_key(request.share_link_id))
        return shares_pb2.RevokeShareLinkResponse()

    async def forget_expired(self) -> None:
        """Removes expired links."""
        for key in [key async for key in self._store.keys(SHARES)]:
            try:
                share_link = _parse_link(await self._store.get(key))
            except NotFound:
                continue
            except DataLoss as failure:  # an unreadable link must not block the others
                _log.warning("a link cannot be read", key=key, why=failure.message)
                continue
            if share_link.expires_ms <= self._now_ms():
                await self._store.delete(key)

    async def _find(self, share_link_id: str) -> ShareLink:
        """The link. Raises NotFound for expired ones too."""
        try:
            share_link = _parse_link(await self._store.get(share_key(share_link_id)))
        except NotFound:
            raise _not_found() from None
        if share_link.expires_ms <= self._now_ms():
            raise _not_found()
        return share_link


def _parse_link(found: StoredObject) -> ShareLink:
    try:
        return ShareLink(**json.loads(found.data))
    except (ValueError, TypeError) as failure:
        raise DataLoss("a link's document cannot be read by this version", reason="LINK_UNREADABLE") from failure


def _not_found() -> NotFound:
    return NotFound("there is no such link, or it has expired", reason="NO_SUCH_LINK")


def _to_id(token: str) -> str:
    return sha256_hex(token.encode())


def _to_message(share_link_id: str, share_link: ShareLink) -> shares_pb2.ShareLink:
    message = shares_pb2.ShareLink(
        share_link_id=share_link_id, byte_count=share_link.byte_count, sha256=share_link.sha256
    )
    message.expire_time.FromMilliseconds(share_link.expires_ms)
    return message
