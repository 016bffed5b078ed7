"""S3 store: objects in a bucket, through the minio SDK.

It works with S3 and compatible services.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.credentials import Provider, StaticProvider
from minio.error import MinioException, S3Error

from resonance.errors import Conflict, FailedPrecondition, NotFound, ResonanceError, Unavailable
from resonance.ids import sha256_hex
from resonance.store.checksummed import seal, unseal
from resonance.store.protocol import StoredObject, check_key
from resonance.store.web_identity import WebIdentity

_THREADS = 16
_CONNECT_S_MAX = 3.0
_READ_S_MAX = 10.0
_PRESIGNED_FOR = timedelta(minutes=5)
_MISSING = {"NoSuchKey", "NoSuchObject", "ResourceNotFound"}
_T = TypeVar("_T")


class S3Store:
    """An ObjectStore in one bucket. The SDK blocks, so its calls run in their own thread pool."""

    def __init__(
        self,
        *,
        endpoint: str,
        bucket: str,
        access_key: str,
        secret_key: str,
        secure: bool,
        read_s_max: float = _READ_S_MAX,
        public_endpoint: str = "",
        session_token: str = "",
        region: str = "",
        ca_file: Path | None = None,
        identity: WebIdentity | None = None,
    ) -> None:
        """`public_endpoint` is the `host:port` in presigned links; without it there are no links.

        `ca_file` has the authorities of the server's certificate (PEM), in place of the system's. With `identity` the keys come from
        an STS, and are asked for anew before they end. Without a `region` the server is asked for it.
        """
        self._bucket = bucket
        self._where = f"{endpoint}/{bucket}"
        self._http = urllib3.PoolManager(
            maxsize=_THREADS,
            ca_certs=str(ca_file) if ca_file else None,
            timeout=urllib3.Timeout(connect=_CONNECT_S_MAX, read=read_s_max),
            retries=urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
        )
        credentials: Provider | None = None
        if identity is not None:
            credentials = identity.provider(self._http)
        elif access_key:
            credentials = StaticProvider(access_key, secret_key, session_token or None)
        self._client = Minio(
            endpoint, secure=secure, http_client=self._http, credentials=credentials, region=region or None
        )
        # A signature covers the host, so links are signed for the host of browsers. This client makes no calls.
        self._public = (
            Minio(public_endpoint, secure=secure, credentials=credentials, region=region or "us-east-1")
            if public_endpoint
            else None
        )
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")

    async def check(self) -> None:
        """Raises unless the bucket can be reached and exists. The operator makes the bucket."""
        if not await self._run(lambda: self._client.bucket_exists(self._bucket)):
            raise FailedPrecondition(f"there is no bucket at {self._where}: create it first", reason="NO_SUCH_BUCKET")

    async def put(self, key: str, data: bytes) -> str:
        check_key(key)
        return await self._run(lambda: self._put(key, data))

    async def create(self, key: str, data: bytes) -> str:
        check_key(key)
        return await self._run(lambda: self._create(key, data))

    async def replace(self, key: str, data: bytes, *, version: str) -> str:
        check_key(key)
        try:
            return await self._run(lambda: self._put_if(key, data, {"If-Match": f'"{version}"'}))
        except Conflict:
            if not await self.exists(key):
                raise NotFound(f"there is no object {key}", reason="NO_SUCH_OBJECT") from None
            raise

    async def get(self, key: str) -> StoredObject:
        check_key(key)
        return await self._run(lambda: self._get(key))

    async def exists(self, key: str) -> bool:
        check_key(key)
        try:
            await self._run(lambda: self._client.stat_object(self._bucket, key))
        except NotFound:
            return False
        return True

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        # Sorted here: SeaweedFS lists folder by folder (`b/x` before `b-c`), S3 by the bytes of the key.
        for key in await self._run(lambda: sorted(self._list(prefix))):
            yield key

    async def total_bytes(self, prefix: str) -> int:
        def summed() -> int:
            found = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
            return sum(entry.size or 0 for entry in found)

        return await self._run(summed)

    async def delete(self, key: str) -> None:
        check_key(key)
        await self._run(lambda: self._client.remove_object(self._bucket, key))

    async def set_aside(self, key: str, to: str) -> None:
        check_key(key)
        check_key(to)

        def move() -> None:
            self._client.copy_object(self._bucket, to, CopySource(self._bucket, key))
            self._client.remove_object(self._bucket, key)

        with suppress(NotFound):
            await self._run(move)

    async def presigned_url(self, key: str, *, expires_s: float, filename: str) -> str | None:
        check_key(key)
        if (public := self._public) is None:
            return None
        headers = {"response-content-disposition": f'attachment; filename="{filename}"'}
        return await self._run(
            lambda: public.presigned_get_object(
                self._bucket, key, expires=timedelta(seconds=expires_s), extra_query_params=headers
            )
        )

    async def is_answering(self) -> bool:
        return True  # `MeasuredStore`, which stands before this one, follows the requests

    async def free_bytes(self) -> int | None:
        return None  # S3 has no such question

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._http.clear()

    def _put(self, key: str, data: bytes) -> str:
        sealed = seal(data)
        self._client.put_object(self._bucket, key, io.BytesIO(sealed), len(sealed))
        return sha256_hex(data)

    def _create(self, key: str, data: bytes) -> str:
        self._put_if(key, data, {"If-None-Match": "*"})
        return sha256_hex(data)

    def _put_if(self, key: str, data: bytes, condition: dict[str, str]) -> str:
        """Writes under a condition; returns the new ETag.

        `put_object(metadata={"If-None-Match": "*"})` would send the condition as user metadata and overwrite
        silently, so this is a presigned PUT, which is public API, with the header added. It is not retried: after a
        lost response the second try would take the first one's object for another writer's.
        """
        url = self._client.presigned_put_object(self._bucket, key, expires=_PRESIGNED_FOR)
        answer = self._http.urlopen("PUT", url, body=seal(data), headers=condition, retries=False)
        if answer.status in (409, 412):
            raise Conflict(f"{key} was written by another writer", reason="VERSION_CHANGED")
        if answer.status == 404:
            raise NotFound(f"there is no object {key}", reason="NO_SUCH_OBJECT")
        if answer.status != 200:
            raise Unavailable(f"the object store at {self._where} answered {answer.status}", reason="STORE_UNAVAILABLE")
        return str(answer.headers["ETag"]).strip('"')

    def _get(self, key: str) -> StoredObject:
        response = self._client.get_object(self._bucket, key)
        try:
            sealed, version = response.read(), response.headers["ETag"].strip('"')
        finally:
            response.close()
            response.release_conn()
        data, sha256 = unseal(sealed, key)
        return StoredObject(key=key, data=data, sha256=sha256, version=version)

    def _list(self, prefix: str) -> Iterator[str]:
        for entry in self._client.list_objects(self._bucket, prefix=prefix, recursive=True):
            yield str(entry.object_name)

    async def _run(self, work: Callable[[], _T]) -> _T:
        def named() -> _T:
            with self._failures_named():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._threads, named)

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except ResonanceError:
            raise
        except S3Error as failure:
            if failure.code in _MISSING:
                raise NotFound("there is no such object", reason="NO_SUCH_OBJECT") from failure
            message = f"the object store at {self._where} refused: {failure.code}"
            raise Unavailable(message, reason="STORE_UNAVAILABLE") from failure
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as failure:
            message = f"the object store at {self._where} cannot be reached"
            raise Unavailable(message, reason="STORE_UNAVAILABLE", retry_after_s=2.0) from failure
