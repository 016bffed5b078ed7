"""TLS folders of throw-away authorities, as RESONANCE_TLS_DIR names them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

NAMES = ("localhost", "127.0.0.1")


def write_tls(
    folder: Path,
    authority: trustme.CA,
    *names: str,
    ends_in: timedelta = timedelta(days=1),
    trusted: trustme.CA | None = None,
) -> Path:
    """A folder with a certificate of the authority for these names, by default the loopback's. Files that are there are replaced.

    `trusted` is the authority whose peers are accepted, where it is another one.
    """
    now = datetime.now(UTC)
    certificate = authority.issue_cert(
        *(names or NAMES), not_before=now + ends_in - timedelta(days=30), not_after=now + ends_in
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "tls.crt": b"".join(part.bytes() for part in certificate.cert_chain_pems),
        "tls.key": certificate.private_key_pem.bytes(),
        "ca.crt": (trusted or authority).cert_pem.bytes(),
    }.items():
        new = folder / f".{name}.new"
        new.write_bytes(text)
        new.replace(folder / name)
    return folder
