"""TLS folder: certificate, key and authority of gRPC connections, read again when the files change.

The folder holds `tls.crt`, `tls.key` and `ca.crt`, as cert-manager mounts them. A server shows the certificate and asks
clients for one of the same authority; a client does the same the other way round.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from prometheus_client import Gauge

from resonance.errors import InvalidInput, invalid_field
from resonance.settings import Settings

SETTING = "RESONANCE_TLS_DIR"
_CERTIFICATE, _KEY, _AUTHORITY = _NAMES = ("tls.crt", "tls.key", "ca.crt")
_LOOKED_S = 1.0  # the files are looked at once in so long, and only when a connection or a call begins
TLS_ENDS = Gauge(
    "resonance_tls_certificate_end_seconds",
    "Unix time at which the certificate ends that this process shows to its peers; 0 without TLS.",
)
_log = structlog.get_logger("tls")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The contents of the folder at one time: PEM texts, and when the own certificate ends."""

    certificate: bytes
    key: bytes
    authority: bytes
    ends: datetime

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Credentials of a client that shows its certificate and trusts the authority."""
        return grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)

    def server_configuration(self) -> grpc.ServerCertificateConfiguration:
        """What a server shows in a handshake, and the authority whose clients it accepts."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.certificate)], self.authority)


class TlsFolder:
    """The folder of `RESONANCE_TLS_DIR`. Its files may be replaced at any time; files that do not fit together are told in the log,
    and the ones before stay in force."""

    def __init__(self, folder: Path) -> None:
        """Reads the files. Raises InvalidInput where one is missing, cannot be read, has ended, or does not fit the others."""
        self._folder = folder
        self._lock = threading.Lock()  # gRPC asks from threads of its own
        self._stamp = self._read_stamp()
        self._files = _read(folder)
        if self._files.ends <= datetime.now(UTC):
            raise _wrong(
                folder, f"its certificate {_CERTIFICATE} ended at {self._files.ends:%Y-%m-%d %H:%M} UTC; renew it"
            )
        self._looked_s = time.monotonic()
        TLS_ENDS.set(self._files.ends.timestamp())

    def current(self) -> TlsFiles:
        """The files as they are now; the same object as long as they did not change."""
        with self._lock:
            now_s = time.monotonic()
            if now_s - self._looked_s >= _LOOKED_S:
                self._looked_s = now_s
                self._look()
            return self._files

    def server_credentials(self) -> grpc.ServerCredentials:
        """Credentials of a server that asks for client certificates, and that reads the files again for new connections."""
        return grpc.dynamic_ssl_server_credentials(
            self.current().server_configuration(),
            lambda: self.current().server_configuration(),
            require_client_authentication=True,
        )

    def _look(self) -> None:
        stamp = self._read_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._files = _read(self._folder)
        except InvalidInput as failure:
            _log.error("certificates not taken over, the ones before stay in force", cause=failure.message)
            return
        TLS_ENDS.set(self._files.ends.timestamp())
        _log.info("certificates taken over", folder=str(self._folder), ends=self._files.ends.isoformat())

    def _read_stamp(self) -> tuple[object, ...]:
        return tuple(_stamp_of(self._folder / name) for name in _NAMES)


def open_tls(settings: Settings) -> TlsFolder | None:
    """The folder that the settings name; None where they name none. Raises InvalidInput as `TlsFolder` does."""
    return TlsFolder(settings.tls_dir) if settings.tls_dir else None


def explain_handshake(details: str) -> str:
    """A sentence for a connection that TLS ended, from gRPC's text of the failure; empty for any other failure."""
    if found := re.search(r"CERTIFICATE_VERIFY_FAILED: ([^:]+)", details):
        cause = found[1].strip()
        if "expired" in cause or "not yet valid" in cause:
            return f"the server's TLS certificate is not valid now ({cause}): renew it"
        return f"the server's TLS certificate is not of the authority in {_AUTHORITY} of {SETTING} ({cause})"
    if "Hostname Verification Check failed" in details:
        return (
            "the server's TLS certificate does not carry the name by which the server was called: "
            "add the name to it, or set RESONANCE_TLS_SERVER_NAME"
        )
    if "WRONG_VERSION_NUMBER" in details:
        return f"the server speaks no TLS: set {SETTING} there too, or not here"
    return ""


def _read(folder: Path) -> TlsFiles:
    texts = {name: _read_file(folder, name) for name in _NAMES}
    chain = _certificates(folder, _CERTIFICATE, texts[_CERTIFICATE])
    _certificates(folder, _AUTHORITY, texts[_AUTHORITY])
    try:
        key = load_pem_private_key(texts[_KEY], password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _wrong(folder, f"{_KEY} is no private key in PEM without a password") from None
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != chain[0].public_key().public_bytes(*form):
        raise _wrong(folder, f"{_KEY} is not the key of the certificate {_CERTIFICATE}")
    return TlsFiles(
        certificate=texts[_CERTIFICATE],
        key=texts[_KEY],
        authority=texts[_AUTHORITY],
        ends=min(each.not_valid_after_utc for each in chain),
    )


def _read_file(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as failure:
        needed = f"it must hold {_CERTIFICATE}, {_KEY} and {_AUTHORITY}"
        raise _wrong(folder, f"{name} cannot be read ({failure.strerror}); {needed}") from None


def _certificates(folder: Path, name: str, text: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError:
        raise _wrong(folder, f"{name} holds no certificate in PEM") from None


def _stamp_of(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _wrong(folder: Path, message: str) -> InvalidInput:
    return invalid_field(SETTING, "INVALID_SETTING", f"{folder}: {message}")
