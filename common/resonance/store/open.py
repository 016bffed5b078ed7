"""Opening of a store by URL, and its probe."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from resonance.errors import invalid_field
from resonance.places import prepare_folder
from resonance.settings import Settings
from resonance.store.files import FileStore
from resonance.store.measured import MeasuredStore
from resonance.store.memory import MemoryStore
from resonance.store.owned import OwnedStore
from resonance.store.probe import probe
from resonance.store.protocol import ObjectStore
from resonance.store.quarantine import Quarantine
from resonance.store.s3 import S3Store
from resonance.store.web_identity import WebIdentity


async def open_store(settings: Settings) -> ObjectStore:
    """Opens `file:FOLDER`, `memory:`, `s3://HOST[:PORT]/BUCKET` (TLS) or `s3+http://HOST[:PORT]/BUCKET`, and probes it.

    The opener closes it.

    Raises:
        InvalidInput: the URL is none of these.
        FailedPrecondition: there is no such bucket, or its conditional writes do not exclude each other.
        Unavailable: the store cannot be reached.
        OSError: the folder cannot be written to; the sentence names the setting.
    """
    store = await _opened(settings)
    try:
        if isinstance(store, S3Store):
            await store.check()
        await probe(store, settings.store_url)
    except BaseException:
        await store.close()
        raise
    return OwnedStore(Quarantine(MeasuredStore(store)))


async def _opened(settings: Settings) -> ObjectStore:
    kind, _, rest = settings.store_url.partition(":")
    if kind == "memory":
        return MemoryStore()
    if kind == "file" and rest:
        return await asyncio.to_thread(_files, rest, "RESONANCE_STORE" if settings.store else "RESONANCE_DATA_DIR")
    if kind in ("s3", "s3+http"):
        return _s3(settings, secure=kind == "s3")
    raise _refused(settings)


def _files(rest: str, setting: str) -> FileStore:
    folder = Path(rest.removeprefix("//"))
    with suppress(RuntimeError):  # no home folder: `prepare_folder` says so
        folder = folder.expanduser()
    return FileStore(prepare_folder(folder, setting=setting))


def _s3(settings: Settings, *, secure: bool) -> S3Store:
    parts = urlsplit(settings.store_url)
    bucket = parts.path.strip("/")
    if not parts.hostname or not bucket or "/" in bucket or "@" in parts.netloc:
        raise _refused(settings)
    return S3Store(
        endpoint=parts.netloc,
        bucket=bucket,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        secure=secure,
        public_endpoint=settings.s3_public_addr,
        session_token=settings.s3_session_token,
        region=settings.s3_region,
        ca_file=settings.s3_ca_file,
        identity=_identity(settings),
    )


def _identity(settings: Settings) -> WebIdentity | None:
    if settings.s3_identity_token_file is None:
        return None
    if settings.s3_access_key or not settings.s3_sts_url:
        message = "needs RESONANCE_S3_STS_URL, and no RESONANCE_S3_ACCESS_KEY beside it"
        raise invalid_field("RESONANCE_S3_IDENTITY_TOKEN_FILE", "INVALID_SETTING", message)
    return WebIdentity(
        token_file=settings.s3_identity_token_file, sts_url=settings.s3_sts_url, role_arn=settings.s3_role_arn
    )


def _refused(settings: Settings) -> Exception:
    return invalid_field(
        "RESONANCE_STORE",
        "INVALID_SETTING",
        "must be file:FOLDER, memory:, s3://HOST[:PORT]/BUCKET or s3+http://HOST[:PORT]/BUCKET",
    )
