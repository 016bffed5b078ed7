"""Web identity: keys of an S3 store for the token that a platform gives to a workload (AssumeRoleWithWebIdentity)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import urllib3
from minio.credentials import Credentials, Provider, WebIdentityProvider
from minio.error import MinioException

from resonance.errors import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class WebIdentity:
    """The identity of a workload: a file with a token (JWT), which its platform renews, and the STS that gives keys for it."""

    token_file: Path
    sts_url: str
    role_arn: str = ""

    def provider(self, http: urllib3.PoolManager) -> Provider:
        """A provider that reads the file and asks the STS whenever the keys are about to end."""
        inner = WebIdentityProvider(
            jwt_provider_func=lambda: {"access_token": self.token_file.read_text().strip()},
            sts_endpoint=self.sts_url,
            role_arn=self.role_arn or None,
            role_session_name="resonance",
            http_client=http,
        )
        return _NamedFailures(inner, self.sts_url)


class _NamedFailures(Provider):  # type: ignore[misc]  # the library has no types
    """Tells failures of the STS as ours. The library's own error texts have the token in them."""

    def __init__(self, inner: Provider, sts_url: str) -> None:
        self._inner = inner
        self._sts_url = sts_url

    def retrieve(self) -> Credentials:
        try:
            return self._inner.retrieve()
        except (ValueError, OSError, SyntaxError, MinioException, urllib3.exceptions.HTTPError) as failure:
            cause = f": {failure.strerror}" if isinstance(failure, OSError) and failure.strerror else ""
        message = f"the STS at {self._sts_url} gave no keys for RESONANCE_S3_IDENTITY_TOKEN_FILE{cause}"
        raise Unavailable(
            message, reason="STORE_UNAVAILABLE", retry_after_s=2.0
        )  # outside, so that it does not carry the other
