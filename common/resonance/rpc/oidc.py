"""Sign-in tokens (OpenID Connect, JWT) of one issuer: checked, and turned into an owner."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, NamedTuple

import jwt

from resonance.api_keys import SCOPES, USUAL_SCOPES
from resonance.errors import Unauthenticated, invalid_field
from resonance.rpc.issuer_keys import ALGORITHMS, IssuerKeys
from resonance.settings import Settings

_OWNER_BYTES = 20
_SCOPE_PREFIX = "resonance:"


class SignedIn(NamedTuple):
    """The owner of a token, and what it may do."""

    owner: str
    scopes: frozenset[str]


class TokenVerifier:
    """Checks tokens of the issuer in the settings."""

    def __init__(self, settings: Settings) -> None:
        """Raises InvalidInput where the settings name no audience: a token for another application would be taken."""
        if not settings.oidc_audience:
            message = "must name the audience of tokens, where RESONANCE_OIDC_ISSUER is set"
            raise invalid_field("RESONANCE_OIDC_AUDIENCE", "INVALID_SETTING", message)
        self._issuer = settings.oidc_issuer
        self._audience = settings.oidc_audience
        self._owner_claim = settings.oidc_owner_claim
        self._scope_claim = settings.oidc_scope_claim
        self._leeway_s = settings.oidc_leeway_s
        self._keys = IssuerKeys(self._issuer, settings.oidc_ca_file)

    async def verify(self, token: str) -> SignedIn:
        """The owner and scopes of a token.

        Raises:
            Unauthenticated: it has ended (TOKEN_EXPIRED), or is not one of this issuer for this audience (TOKEN_NOT_VALID).
            Unavailable: the issuer's keys could not be fetched (ISSUER_UNREACHABLE).
        """
        claims = await self._read(token)
        subject = claims.get(self._owner_claim)
        if not isinstance(subject, str) or not subject:
            raise _not_valid(f"it has no claim {self._owner_claim!r} with a text")
        return SignedIn(owner_of(self._issuer, subject), self._scopes(claims))

    def _scopes(self, claims: dict[str, Any]) -> frozenset[str]:
        """Scopes of a token: one text with spaces or a list, each with our prefix. Without a claim's name, the usual ones."""
        if not self._scope_claim:
            return frozenset(USUAL_SCOPES)
        value = claims.get(self._scope_claim)
        words = value.split() if isinstance(value, str) else value if isinstance(value, list) else ()
        named = {word.removeprefix(_SCOPE_PREFIX) for word in words if str(word).startswith(_SCOPE_PREFIX)}
        return frozenset(named & set(SCOPES))

    async def _read(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                raise _not_valid("its signature is none that is accepted")
            key = await self._keys.find(str(header.get("kid", "")))
            return jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=[self._issuer, f"{self._issuer}/"],
                leeway=self._leeway_s,
                options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("this token has expired: sign in again", reason="TOKEN_EXPIRED") from None
        except jwt.InvalidAudienceError:
            raise _not_valid("it was made for another audience") from None
        except jwt.InvalidIssuerError:
            raise _not_valid("it is of another issuer") from None
        except jwt.PyJWTError:
            raise _not_valid("it is malformed, not valid yet, or its signature is wrong") from None


def is_token(text: str) -> bool:
    """True for a text of the form of a signed token: three parts, of which the first is JSON in base 64."""
    return text.count(".") == 2 and text.startswith("ey")


def owner_of(issuer: str, subject: str) -> str:
    """The owner id of a subject of an issuer: a digest, because keys of the store are never made of a stranger's text."""
    digest = hashlib.sha256(f"{issuer}\n{subject}".encode()).digest()[:_OWNER_BYTES]
    return "o-" + base64.b32encode(digest).decode().rstrip("=").lower()


def _not_valid(cause: str) -> Unauthenticated:
    return Unauthenticated(f"this token is not valid: {cause}", reason="TOKEN_NOT_VALID")
