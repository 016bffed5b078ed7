"""Authentication of gRPC calls: owners' API keys and sign-in tokens, services' shared secret."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from resonance.api_keys import LISTEN, SCOPES, USE_NOTED_S, ApiKey, ApiKeys
from resonance.errors import ResonanceError, Unauthenticated
from resonance.identity import GUEST
from resonance.rpc.oidc import TokenVerifier, is_token
from resonance.settings import Settings
from resonance.store.protocol import ObjectStore

KEY_HEADER, SERVICE_HEADER, OWNER_HEADER, MUST_CHECK_HEADER = (
    "authorization",
    "x-resonance-service",
    "x-resonance-owner",
    "x-resonance-must-check",
)
_CACHED_S = 5.0  # a revoked key is refused after so long
_CACHED_MAX = 1000
_OWNER_NOTED_S = 240.0  # sooner than a sweep may delete what is left of a deleted owner who is back
TOKEN = "token"


class Caller(NamedTuple):
    """The owner of a call; `is_service` marks calls of our own services, which may do everything.

    `key_id` tells by which credential: an API key's id, or `token`.
    """

    owner: str
    is_service: bool
    key_id: str = ""
    scopes: frozenset[str] = frozenset(SCOPES)


class Authenticator:
    """Finds the caller by the call's metadata. Where no keys are required, every call is the installation's own."""

    def __init__(self, store: ObjectStore, settings: Settings) -> None:
        """Raises InvalidInput where the settings name an issuer of tokens without an audience."""
        self._tokens = TokenVerifier(settings) if settings.oidc_issuer else None
        self._keys = ApiKeys(store)
        self._requires_keys = settings.asks_for_keys
        self._service_key = settings.service_key
        self._cache: OrderedDict[str, tuple[float, ApiKey]] = OrderedDict()
        self._noted_s: OrderedDict[str, float] = (
            OrderedDict()
        )  # when this process last wrote that a key or owner was there
        self._writing: set[asyncio.Task[None]] = set()

    async def authenticate(self, metadata: Iterable[Any], *, admits_guests: bool = False) -> Caller:
        """The caller of a call with this metadata; GUEST for a call without credentials where the method `admits_guests`.

        Raises:
            Unauthenticated: there is no key or token, or it is not valid.
            Unavailable: the keys of the tokens' issuer could not be fetched.
        """
        sent = {str(name): str(value) for name, value in metadata if isinstance(value, str)}
        if not self._requires_keys:
            if MUST_CHECK_HEADER in sent:
                message = "the gateway asks for keys, and this service does not: set RESONANCE_AUTH=on for all of them"
                raise Unauthenticated(message, reason="KEYS_NOT_CHECKED")
            return Caller("", is_service=True)
        if SERVICE_HEADER in sent:
            if self._service_key and secrets.compare_digest(sent[SERVICE_HEADER], self._service_key):
                return Caller(sent.get(OWNER_HEADER, ""), is_service=True)
            raise Unauthenticated("the services do not share one RESONANCE_SERVICE_KEY", reason="WRONG_SERVICE_KEY")
        if admits_guests and KEY_HEADER not in sent:
            return Caller(GUEST, is_service=False, scopes=frozenset({LISTEN}))
        kind, _, text = sent.get(KEY_HEADER, "").partition(" ")
        if kind.lower() != "bearer" or not text:
            raise Unauthenticated("send your API key: Authorization: Bearer KEY", reason="KEY_REQUIRED")
        return await self._find_caller(text.strip())

    async def _find_caller(self, text: str) -> Caller:
        if self._tokens is not None and is_token(text):
            signed_in = await self._tokens.verify(text)
            self._note(signed_in.owner, lambda: self._keys.note_owner(signed_in.owner), every_s=_OWNER_NOTED_S)
            return Caller(signed_in.owner, is_service=False, key_id=TOKEN, scopes=signed_in.scopes)
        key = await self._find_key(text)
        if key.has_ended(time.time()):
            raise Unauthenticated("this API key has ended; ask for a new one", reason="KEY_EXPIRED")
        self._note(key.key_id, lambda: self._keys.note_use(key.key_id), every_s=USE_NOTED_S)
        return Caller(key.owner, is_service=False, key_id=key.key_id, scopes=frozenset(key.scopes))

    async def _find_key(self, text: str) -> ApiKey:
        now_s = time.monotonic()
        if text in self._cache and self._cache[text][0] > now_s:
            return self._cache[text][1]
        self._cache.pop(text, None)
        if (key := await self._keys.find(text)) is None:
            raise Unauthenticated("this API key is not valid", reason="KEY_NOT_VALID")
        self._cache[text] = (now_s + _CACHED_S, key)
        if len(self._cache) > _CACHED_MAX:
            self._cache.popitem(last=False)
        return key

    def _note(self, name: str, write: Callable[[], Coroutine[Any, Any, None]], *, every_s: float) -> None:
        """Writes in the background, and seldom; a store that is away fails no call."""
        now_s = time.monotonic()
        if now_s - self._noted_s.get(name, -every_s) < every_s:
            return
        self._noted_s[name] = now_s
        self._noted_s.move_to_end(name)
        if len(self._noted_s) > _CACHED_MAX:
            self._noted_s.popitem(last=False)

        async def attempt() -> None:
            with suppress(ResonanceError):
                await write()

        task = asyncio.create_task(attempt(), name="note of a key's use")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
