"""Puts the extract service together; used by `__main__` and by the all-in-one process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.v1 import extract_pb2_grpc, generate_pb2_grpc
from resonance_extract.calibration import Calibration
from resonance_extract.concepts import ConceptShelf
from resonance_extract.ear import Ear
from resonance_extract.extraction import Extraction, TasteShelf
from resonance_extract.gemini import open_gemini
from resonance_extract.reference import ReferenceShelf
from resonance_extract.refining.refiner import Refiner
from resonance_extract.service import ExtractService
from resonance_extract.shipped import put_shipped
from resonance_model.info import info_of
from resonance_model.loaded import LoadedModel

FULL_NAME = "resonance.v1.ExtractService"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractParts:
    """The running parts of the service."""

    service: ExtractService
    concepts: ConceptShelf

    def add_to(self, server: RpcServer) -> None:
        """Adds the service to a server."""
        server.add(FULL_NAME, lambda inner: extract_pb2_grpc.add_ExtractServiceServicer_to_server(self.service, inner))


@asynccontextmanager
async def open_extract(
    settings: Settings, store: ObjectStore, model: LoadedModel, *, prepares_sliders: bool = True
) -> AsyncIterator[ExtractParts]:
    """The service; with `prepares_sliders` the sliders' concepts are computed in the background where they are missing."""
    await put_shipped(store, model_digest=model.facts.digest)
    ear = Ear(model)
    shelf = ReferenceShelf(ear, store)
    concepts = ConceptShelf(ear, store, shelf)
    gemini = open_gemini(settings)
    async with open_channel(settings.address_of("generate")) as channel:
        service = ExtractService(
            extraction=Extraction(ear, store, shelf),
            tastes=TasteShelf(store),
            concepts=concepts,
            calibration=Calibration(concepts, generate_pb2_grpc.GenerateServiceStub(channel)),
            refiner=Refiner(gemini),
            info=info_of(model, settings),
        )
        preparation = asyncio.create_task(concepts.prepare_sliders() if prepares_sliders else asyncio.sleep(0))
        try:
            yield ExtractParts(service=service, concepts=concepts)
        finally:
            preparation.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await preparation
            if gemini is not None:
                await gemini.close()
            await asyncio.to_thread(ear.close)
