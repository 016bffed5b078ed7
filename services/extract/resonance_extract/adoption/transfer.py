"""Transfer of adoptions between installations, as streams of bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import structlog

from resonance.errors import InvalidInput, PermissionDenied
from resonance.identity import acting_as, current_owner
from resonance.store import ObjectStore
from resonance.v1 import extract_pb2
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.adoption.adoption import Adoption
from resonance_extract.adoption.package import FILE_BYTES_MAX, Shape, collect, read_package, write_package
from resonance_model.loaded_model import LoadedModel

_PART_BYTES = 512 * 1024
_log = structlog.get_logger("extract")


class AdoptionTransfer:
    """Exports the loaded model's adoption, and imports one. Both work on the installation's objects and on no owner's."""

    def __init__(self, store: ObjectStore, adoption: Adoption, references: ReferenceStore, model: LoadedModel) -> None:
        self._store = store
        self._adoption = adoption
        self._references = references
        self._model = model.description
        self._shape = Shape(layer_count=model.config.layer_count, hidden_size=model.config.hidden_size)

    async def export(self) -> AsyncGenerator[bytes, None]:
        """The file, part by part. Raises FailedPrecondition where parts are missing."""
        with acting_as(""):
            await self._adoption.check_complete()
            objects = await collect(self._store, model_digest=self._model.digest)
        data = await asyncio.to_thread(
            write_package, objects, model_digest=self._model.digest, model_id=self._model.model_id
        )
        for start in range(0, len(data), _PART_BYTES):
            yield data[start : start + _PART_BYTES]

    async def take_in(self, parts: AsyncIterator[bytes]) -> int:
        """Stores the objects of a file in place of the installation's own; returns how many. Nothing is stored of a refused file.

        Raises:
            PermissionDenied: the caller is not the installation's operator.
            And what `read_package` raises.
        """
        check_operator()
        data = bytearray()
        async for part in parts:
            data += part
            if len(data) > FILE_BYTES_MAX:
                raise InvalidInput("this file is larger than an adoption can be", reason="NOT_AN_ADOPTION")
        objects = await asyncio.to_thread(read_package, bytes(data), model_digest=self._model.digest, shape=self._shape)
        for key, content in objects.items():
            await self._store.put(key, content)
        self._references.forget()
        _log.info("took an adoption in", objects=len(objects))
        return len(objects)


def check_operator() -> None:
    """Raises PermissionDenied for callers with an API key of their own: what a model is made ready with is the whole installation's."""
    if current_owner():
        message = "the operator of this installation makes models ready: call with RESONANCE_SERVICE_KEY in place of an API key"
        raise PermissionDenied(message, reason="OPERATORS_ONLY")


async def data_of(requests: AsyncIterator[extract_pb2.ImportAdoptionRequest]) -> AsyncIterator[bytes]:
    """The bytes of the messages of an import."""
    async for request in requests:
        yield request.data
