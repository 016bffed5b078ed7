"""OpenID Connect issuer on loopback: real keys, discovery, a key set that changes, tokens good and bad."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AUDIENCE = "resonance"


class Issuer:
    """An issuer with one RSA and one EC key. `fetches` are the paths that were asked for."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.private: dict[str, tuple[Any, str]] = {
            "rsa-1": (self.rsa, "RS256"),
            "ec-1": (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        }
        self.fetches: list[str] = []
        self.named_issuer = ""
        self.is_away = False
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches.append(self.path)
                body = None if issuer.is_away else issuer.document(self.path)
                self.send_response(503 if body is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def document(self, path: str) -> Any:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.named_issuer or self.url, "jwks_uri": f"{self.url}/keys"}
        if path == "/keys":
            return {"keys": [self._public(name) for name in self.private]}
        return None

    def rotate(self) -> None:
        """Replaces the RSA key by a new one with a new id."""
        del self.private["rsa-1"]
        self.private["rsa-2"] = (rsa.generate_private_key(65537, 2048), "RS256")

    def token(self, key_id: str = "rsa-1", *, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """A good token of Ada's, with changed claims; None leaves a claim out."""
        key, algorithm = self.private[key_id]
        return jwt.encode(self._claims(changes), key, algorithm, headers={"kid": key_id} | (headers or {}))

    def unsigned(self) -> str:
        return ".".join([_base64({"alg": "none", "kid": "rsa-1"}), _base64(self._claims({})), ""])

    def signed_with_the_public_key(self) -> str:
        """HS256 with the RSA key's public PEM as the secret, which a verifier that trusts the header accepts."""
        secret = self.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        text = _base64({"alg": "HS256", "kid": "rsa-1"}) + "." + _base64(self._claims({}))
        signature = hmac.digest(secret, text.encode(), hashlib.sha256)
        return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def _claims(self, changes: dict[str, Any]) -> dict[str, Any]:
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + 300}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def _public(self, name: str) -> dict[str, Any]:
        key, algorithm = self.private[name]
        kind = jwt.algorithms.RSAAlgorithm if algorithm == "RS256" else jwt.algorithms.ECAlgorithm
        described = kind.to_jwk(key.public_key(), as_dict=True)
        return described | {"kid": name, "use": "sig", "alg": algorithm}


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """An issuer that answers until the context ends."""
    issuer = Issuer()
    Thread(target=issuer.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield issuer
    finally:
        issuer.server.shutdown()
        issuer.server.server_close()


def _base64(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
