"""Authentication of gRPC calls: owners' API keys, services' shared secret."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NamedTuple

from resonance.api_keys import ApiKeys
from resonance.errors import Unauthenticated
from resonance.identity import GUEST
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


class Caller(NamedTuple):
    """The owner of a call; `is_service` marks calls of our own services."""

    owner: str
    is_service: bool


class Authenticator:
    """Finds the caller by the call's metadata. Where no keys are required, every call is the installation's own."""

    def __init__(self, store: ObjectStore, settings: Settings) -> None:
        self._keys = ApiKeys(store)
        self._requires_keys = settings.asks_for_keys
        self._service_key = settings.service_key
        self._cache: OrderedDict[str, tuple[float, str]] = OrderedDict()

    async def authenticate(self, metadata: Iterable[Any], *, admits_guests: bool = False) -> Caller:
        """The caller of a call with this metadata; GUEST for a call without credentials where the method `admits_guests`.

        Raises:
            Unauthenticated: there is no key, or it is not valid.
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
            return Caller(GUEST, is_service=False)
        kind, _, text = sent.get(KEY_HEADER, "").partition(" ")
        if kind.lower() != "bearer" or not text:
            raise Unauthenticated("send your API key: Authorization: Bearer KEY", reason="KEY_REQUIRED")
        return Caller(await self._find_owner(text.strip()), is_service=False)

    async def _find_owner(self, text: str) -> str:
        now_s = time.monotonic()
        if text in self._cache and self._cache[text][0] > now_s:
            return self._cache[text][1]
        self._cache.pop(text, None)
        if (key := await self._keys.find(text)) is None:
            raise Unauthenticated("this API key is not valid", reason="KEY_NOT_VALID")
        self._cache[text] = (now_s + _CACHED_S, key.owner)
        if len(self._cache) > _CACHED_MAX:
            self._cache.popitem(last=False)
        return key.owner
