"""Composition root of the extract service.

`__main__` and the all-in-one process use it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from resonance.errors import ResonanceError
from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.v1 import extract_pb2_grpc, generate_pb2_grpc
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.calibration.background import BackgroundCalibration
from resonance_extract.calibration.jobs import CalibrationJobs
from resonance_extract.calibration.plans import MeasurementPlanner
from resonance_extract.calibration.renderings import Renderer
from resonance_extract.concepts.phrases import PhraseConcepts
from resonance_extract.concepts.shipped import put_shipped
from resonance_extract.concepts.store import ConceptStore
from resonance_extract.gemini import Gemini, open_gemini
from resonance_extract.refining.phrase_refiner import PhraseRefiner
from resonance_extract.refining.refiner import Refiner, WishReader
from resonance_extract.service import ExtractService
from resonance_extract.tastes.describer import CarefulDescriber, Describer, MeterDescriber
from resonance_extract.tastes.extraction import Extraction
from resonance_extract.tastes.store import TasteStore
from resonance_extract.tastes.sweep import TasteSweeper
from resonance_model.loaded_model import LoadedModel
from resonance_model.model_info import to_model_info

_CHECK_EVERY_S = 60.0
_log = structlog.get_logger("extract")
FULL_NAME = "resonance.v1.ExtractService"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractParts:
    """The running parts of the service."""

    service: ExtractService
    concepts: ConceptStore

    def add_to(self, server: RpcServer) -> None:
        """Adds the service to a server."""
        server.add(FULL_NAME, lambda inner: extract_pb2_grpc.add_ExtractServiceServicer_to_server(self.service, inner))


@asynccontextmanager
async def open_extract(
    settings: Settings, store: ObjectStore, model: LoadedModel, *, prepares_sliders: bool = True
) -> AsyncIterator[ExtractParts]:
    """Opens the service. With `prepares_sliders` a background task computes the sliders' concepts that are missing."""
    await put_shipped(store, model_digest=model.description.digest)
    worker = ActivationWorker(model)
    references = ReferenceStore(worker, store)
    concepts = ConceptStore(worker, store, references)
    tastes = TasteStore(worker, store, references)
    gemini = open_gemini(settings)
    async with open_channel(settings.service_address("generate"), service_key=settings.service_key) as channel:
        renderer = Renderer(generate_pb2_grpc.GenerateServiceStub(channel), worker)
        planner = MeasurementPlanner(store, concepts, tastes, references, worker, renderer)
        calibration_jobs = CalibrationJobs(
            store, planner, model_digest=model.description.digest, lease_s=settings.job_lease_s
        )
        background = BackgroundCalibration(calibration_jobs)
        phrases = PhraseRefiner(PhraseConcepts(worker, store, references, concepts), on_uncalibrated=background.add)
        service = ExtractService(
            extraction=Extraction(
                worker, store, references, running_max=settings.extractions_max, describer=_open_describer(gemini)
            ),
            tastes=tastes,
            concepts=concepts,
            calibration_jobs=calibration_jobs,
            references=references,
            refiner=Refiner(WishReader(gemini), phrases),
            info=to_model_info(model, settings),
        )
        preparation = asyncio.create_task(_keep_ready(store, concepts, model) if prepares_sliders else asyncio.sleep(0))
        patrol = asyncio.create_task(calibration_jobs.patrol())
        sweep = asyncio.create_task(TasteSweeper(store).run())
        try:
            yield ExtractParts(service=service, concepts=concepts)
        finally:
            for task in (preparation, patrol, sweep):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await background.close()
            await calibration_jobs.close()
            if gemini is not None:
                await gemini.close()
            await asyncio.to_thread(worker.close)


async def _keep_ready(store: ObjectStore, concepts: ConceptStore, model: LoadedModel) -> None:
    """Computes missing sliders' concepts at start, and again whenever a damaged one was set aside."""
    while True:
        await concepts.prepare_sliders()
        await asyncio.sleep(_CHECK_EVERY_S)
        try:
            await put_shipped(store, model_digest=model.description.digest)
        except ResonanceError as failure:
            _log.warning("the shipped objects cannot be checked at the moment", why=failure.message)


def _open_describer(gemini: Gemini | None) -> Describer:
    if gemini is None:
        return MeterDescriber()
    from resonance_extract.tastes.gemini_describer import GeminiDescriber

    return CarefulDescriber(GeminiDescriber(gemini))
