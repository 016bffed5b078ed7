"""Address of a workflow engine: `temporal://HOST:7233/NAMESPACE`, with TLS or without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from resonance.errors import FailedPrecondition
from resonance.settings import Settings

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAddress:
    """A server, a namespace of it, and what the client proves itself with. Certificates and keys are PEM."""

    target: str
    namespace: str = DEFAULT_NAMESPACE
    is_tls: bool = False
    root_certificates: bytes | None = None
    certificate: bytes | None = None
    private_key: bytes | None = None
    api_key: str | None = None


def read_engine_address(settings: Settings) -> EngineAddress:
    """The address that the settings name. Files are read now, so that a key which was replaced needs a restart.

    Raises:
        FailedPrecondition: a file cannot be read; the message names the setting.
    """
    parts = urlsplit(settings.engine)
    root_certificates = _read(settings.engine_ca_file, "RESONANCE_ENGINE_CA_FILE")
    certificate = _read(settings.engine_certificate_file, "RESONANCE_ENGINE_CERTIFICATE_FILE")
    private_key = _read(settings.engine_private_key_file, "RESONANCE_ENGINE_PRIVATE_KEY_FILE")
    api_key = _read(settings.engine_api_key_file, "RESONANCE_ENGINE_API_KEY_FILE")
    return EngineAddress(
        target=parts.netloc,
        namespace=parts.path.strip("/") or DEFAULT_NAMESPACE,
        is_tls=parts.scheme == "temporal+tls" or bool(root_certificates or certificate or api_key),
        root_certificates=root_certificates,
        certificate=certificate,
        private_key=private_key,
        api_key=api_key.decode().strip() if api_key else None,
    )


def _read(path: Path | None, setting: str) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as failure:
        message = f"{setting}: {path} cannot be read: {failure.strerror}"
        raise FailedPrecondition(message, reason="ENGINE_FILE_UNREADABLE") from None
