"""Public keys of an OpenID Connect issuer: discovered, fetched, kept for a while, fetched again when an unknown one is named."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

import structlog
from jwt import PyJWK, PyJWTError

from resonance.errors import Unauthenticated, Unavailable

# Signatures with public keys alone: neither `none` nor a shared secret is ever accepted, whatever a token or a key says.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_DISCOVERY = "/.well-known/openid-configuration"
_FRESH_S = 600.0  # keys are fetched again in the background when they are older
_KEPT_S = 86_400.0  # and are used for so long where the issuer cannot be reached
_FETCHED_AGAIN_S = 10.0  # at most one fetch in so long, whatever keys tokens name
_FETCH_S_MAX = 5.0
_BYTES_MAX = 256 * 1024
_log = structlog.get_logger("oidc")


class IssuerKeys:
    """The signing keys of one issuer by their ids."""

    def __init__(self, issuer: str, ca_file: Path | None = None) -> None:
        """`ca_file` has the authorities (PEM) of the issuer's certificate, where they are not the system's."""
        self._issuer = issuer
        self._ca_file = ca_file
        self._keys: dict[str, PyJWK] = {}
        self._fetched_s: float | None = None
        self._tried_s: float | None = None
        self._lock = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> PyJWK:
        """The key that a token names; where it names none, the only one.

        Raises:
            Unauthenticated: the issuer has no such key (TOKEN_NOT_VALID).
            Unavailable: the issuer's keys could not be fetched yet (ISSUER_UNREACHABLE).
        """
        if (key := self._known(key_id)) is not None:
            self._refresh_when_old()
            return key
        async with self._lock:
            if (key := self._known(key_id)) is None and self._may_fetch():
                await self._fetch()
                key = self._known(key_id)
        if key is not None:
            return key
        if self._age_s() > _KEPT_S:
            message = "the issuer of sign-in tokens cannot be reached at the moment; try again soon"
            raise Unavailable(message, reason="ISSUER_UNREACHABLE", retry_after_s=_FETCHED_AGAIN_S)
        raise Unauthenticated("this token is signed with a key that its issuer does not name", reason="TOKEN_NOT_VALID")

    def _known(self, key_id: str) -> PyJWK | None:
        if self._age_s() > _KEPT_S:
            return None
        if not key_id:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    def _age_s(self) -> float:
        return float("inf") if self._fetched_s is None else time.monotonic() - self._fetched_s

    def _may_fetch(self) -> bool:
        return self._tried_s is None or time.monotonic() - self._tried_s >= _FETCHED_AGAIN_S

    def _refresh_when_old(self) -> None:
        if self._age_s() > _FRESH_S and self._may_fetch() and self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh(), name="refresh of the issuer's keys")

    async def _refresh(self) -> None:
        try:
            async with self._lock:
                await self._fetch()
        finally:
            self._refreshing = None

    async def _fetch(self) -> None:
        """Fetches the keys. A failure is told in the log, and leaves the keys that are known."""
        self._tried_s = time.monotonic()
        try:
            found = await asyncio.wait_for(
                asyncio.to_thread(_fetch_keys, self._issuer, self._ca_file), 3 * _FETCH_S_MAX
            )
        except (OSError, HTTPException, ValueError, TimeoutError) as failure:
            _log.warning("the issuer's keys could not be fetched", issuer=self._issuer, cause=str(failure))
            return
        self._keys, self._fetched_s = found, time.monotonic()
        _log.info("issuer's keys fetched", issuer=self._issuer, keys=sorted(found))


def _fetch_keys(issuer: str, ca_file: Path | None) -> dict[str, PyJWK]:
    """The issuer's signing keys. Raises OSError or ValueError, with a sentence for the log."""
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    described = _get(issuer + _DISCOVERY, context)
    if str(described.get("issuer", "")).rstrip("/") != issuer:
        raise ValueError(f"its discovery document is of another issuer: {described.get('issuer')!r}")
    address = described.get("jwks_uri")
    if not isinstance(address, str) or not address.startswith(issuer.partition("://")[0] + "://"):
        raise ValueError("its discovery document names no jwks_uri of the issuer's own scheme")
    listed = _get(address, context).get("keys")
    keys = dict(filter(None, map(_signing_key, listed if isinstance(listed, list) else ())))
    if not keys:
        raise ValueError(f"{address} has no key that can be used")
    return keys


def _signing_key(described: Any) -> tuple[str, PyJWK] | None:
    """A public key for signatures, by its id. Secrets (`oct`) are none: with them whoever verifies could sign."""
    if not isinstance(described, Mapping) or described.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    if described.get("use", "sig") != "sig":
        return None
    try:
        key = PyJWK(dict(described))  # it is bound to one algorithm
    except PyJWTError:
        return None
    return (str(described.get("kid", "")), key) if key.algorithm_name in ALGORITHMS else None


def _get(address: str, context: ssl.SSLContext) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirect)
    try:
        with opener.open(address, timeout=_FETCH_S_MAX) as answer:
            text = answer.read(_BYTES_MAX + 1)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        raise OSError(f"{address} answers with status {refusal.code}") from None
    if len(text) > _BYTES_MAX:
        raise ValueError(f"{address} sends more than {_BYTES_MAX} bytes")
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError(f"{address} sends no JSON object")
    return document


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: the issuer's address is the operator's choice alone."""

    def redirect_request(self, *_: object) -> None:
        return None
