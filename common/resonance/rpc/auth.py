"""The door of a gRPC server: whose call is it? Keys of people, and one secret between the services."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NamedTuple

from resonance.api_keys import ApiKeys
from resonance.errors import Unauthenticated
from resonance.settings import Settings
from resonance.store.protocol import ObjectStore

KEY_HEADER, SERVICE_HEADER, OWNER_HEADER, MUST_CHECK_HEADER = (
    "authorization",
    "x-resonance-service",
    "x-resonance-owner",
    "x-resonance-must-check",
)
_REMEMBERED_S = 5.0  # a key that is revoked is worthless after so long
_REMEMBERED_MAX = 1000


class Caller(NamedTuple):
    """Who calls: for which owner, and whether it is one of our own services."""

    owner: str
    is_service: bool


class Authenticator:
    """Tells who calls by the metadata. Where no keys are asked for, every call is the installation's own."""

    def __init__(self, store: ObjectStore, settings: Settings) -> None:
        self._keys = ApiKeys(store)
        self._asks = settings.asks_for_keys
        self._service_key = settings.service_key
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()

    async def authenticate(self, metadata: Iterable[Any]) -> Caller:
        """The caller.

        Raises:
            Unauthenticated: there is no key, or it is not valid.
        """
        told = {str(name): str(value) for name, value in metadata if isinstance(value, str)}
        if not self._asks:
            if MUST_CHECK_HEADER in told:
                message = "the gateway asks for keys, and this service does not: set RESONANCE_AUTH=on for all of them"
                raise Unauthenticated(message, reason="KEYS_NOT_CHECKED")
            return Caller("", is_service=True)
        if SERVICE_HEADER in told:
            if self._service_key and secrets.compare_digest(told[SERVICE_HEADER], self._service_key):
                return Caller(told.get(OWNER_HEADER, ""), is_service=True)
            raise Unauthenticated("the services do not share one RESONANCE_SERVICE_KEY", reason="WRONG_SERVICE_KEY")
        kind, _, text = told.get(KEY_HEADER, "").partition(" ")
        if kind.lower() != "bearer" or not text:
            raise Unauthenticated("send your API key: Authorization: Bearer KEY", reason="KEY_REQUIRED")
        return Caller(await self._owner_of_key(text.strip()), is_service=False)

    async def _owner_of_key(self, text: str) -> str:
        now_s = time.monotonic()
        if text in self._known and self._known[text][0] > now_s:
            return self._known[text][1]
        self._known.pop(text, None)
        if (key := await self._keys.find(text)) is None:
            raise Unauthenticated("this API key is not valid", reason="KEY_NOT_VALID")
        self._known[text] = (now_s + _REMEMBERED_S, key.owner)
        if len(self._known) > _REMEMBERED_MAX:
            self._known.popitem(last=False)
        return key.owner
