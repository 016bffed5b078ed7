"""Composition root of the extract service.

`__main__` and the all-in-one process use it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from resonance.durable import Changes, Engine, Schedule, WorkerPlan, open_engine
from resonance.rpc import RpcServer, open_service_channel
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.store.quarantine import find_set_aside
from resonance.v1 import extract_pb2_grpc, generate_pb2_grpc
from resonance_extract.activations.background import HasListeners
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.track_locks import TrackLocks
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.adoption.adoption import Adoption, parts_by_itself
from resonance_extract.adoption.document import AdoptionDocument
from resonance_extract.adoption.parts import list_parts
from resonance_extract.adoption.transfer import AdoptionTransfer
from resonance_extract.calibration.background import BackgroundCalibration
from resonance_extract.calibration.job_store import CalibrationJobStore
from resonance_extract.calibration.jobs import CalibrationJobs
from resonance_extract.calibration.measuring import CalibrationMeasuring
from resonance_extract.calibration.plans import MeasurementPlanner
from resonance_extract.calibration.renderings import Renderer
from resonance_extract.concepts.phrases import PhraseConcepts
from resonance_extract.concepts.shipped import is_shipped_for, put_shipped
from resonance_extract.concepts.store import ConceptStore
from resonance_extract.gemini import Gemini, open_gemini
from resonance_extract.refining.phrase_refiner import PhraseRefiner
from resonance_extract.refining.refiner import Refiner, WishReader
from resonance_extract.service import ExtractService
from resonance_extract.tastes.describer import CarefulDescriber, Describer, MeterDescriber
from resonance_extract.tastes.extraction import Extraction
from resonance_extract.tastes.store import TasteStore
from resonance_extract.tastes.sweep import EVERY_S, SWEEP_TASTES, TASK_QUEUE, TasteSweeper
from resonance_model.loaded_model import LoadedModel
from resonance_model.model_info import to_model_info

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
    settings: Settings,
    store: ObjectStore,
    model: LoadedModel,
    *,
    has_listeners: HasListeners = lambda: False,
    engine: Engine | None = None,
) -> AsyncIterator[ExtractParts]:
    """Opens the service. A background task makes the model ready (RESONANCE_ADOPTION), while `has_listeners` says no.

    The engine is started by the first calibration job, or at once where jobs of an earlier process are open. A process of several
    services passes the `engine` that they share, and closes it before them.
    """
    digest = model.description.digest
    await put_shipped(store, model_digest=digest)
    worker = ActivationWorker(model, has_listeners)
    references = ReferenceStore(worker, store)
    concepts = ConceptStore(worker, store, references)
    tastes = TasteStore(worker, store, references)
    gemini = open_gemini(settings, store)
    async with (
        open_service_channel(settings, "generate") as channel,
        open_engine(settings, engine) as opened,
    ):
        renderer = Renderer(generate_pb2_grpc.GenerateServiceStub(channel), worker)
        planner = MeasurementPlanner(store, concepts, tastes, references, worker, renderer)
        job_store = CalibrationJobStore(store, Changes(opened))
        measuring = CalibrationMeasuring(job_store, planner, model_digest=digest)
        calibration_jobs = CalibrationJobs(
            job_store,
            planner,
            opened,
            model_digest=digest,
            open_of_owner_max=settings.calibration_jobs_owner_max,
            open_max=settings.calibration_jobs_max,
        )
        locks = TrackLocks(opened, scope=digest)
        is_shipped = is_shipped_for(digest)
        adoption = Adoption(
            list_parts(references, concepts, planner, calibration_jobs, model_digest=digest),
            AdoptionDocument(store, model_digest=digest),
            worker,
            opened,
            model_digest=digest,
            is_shipped=is_shipped,
            makes=parts_by_itself(settings.adoption, is_shipped=is_shipped),
            restore=lambda: put_shipped(store, model_digest=digest),
            find_damaged=lambda: find_set_aside(store),
        )

        async def submit_open() -> None:
            await calibration_jobs.submit_open()
            await adoption.submit_open()

        sweeper = TasteSweeper(store)
        opened.serve(
            lambda: _plans(measuring, locks, adoption, sweeper, digest),
            submit_open,
            calibration_jobs.has_open,
            schedules=[Schedule(kind=SWEEP_TASTES, task_queue=TASK_QUEUE, every_s=EVERY_S)],
        )
        background = BackgroundCalibration(calibration_jobs)
        phrases = PhraseRefiner(PhraseConcepts(worker, store, references, concepts), on_uncalibrated=background.add)
        service = ExtractService(
            extraction=Extraction(
                worker,
                store,
                references,
                running_max=settings.extractions_max,
                describer=_open_describer(gemini),
                locks=locks,
            ),
            tastes=tastes,
            concepts=concepts,
            calibration_jobs=calibration_jobs,
            references=references,
            adoption=adoption,
            transfer=AdoptionTransfer(store, adoption, references, model),
            refiner=Refiner(WishReader(gemini), phrases),
            info=to_model_info(model, settings),
        )
        preparation = asyncio.create_task(adoption.run())
        sweep = asyncio.create_task(sweeper.run(while_true=lambda: not (opened.is_started or opened.is_remote)))
        try:
            yield ExtractParts(service=service, concepts=concepts)
        finally:
            for task in (preparation, sweep):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await background.close()
            if engine is None:
                await opened.close()  # its activities need the worker
            if gemini is not None:
                await gemini.close()
            await asyncio.to_thread(worker.close)


def _plans(
    measuring: CalibrationMeasuring, locks: TrackLocks, adoption: Adoption, sweeper: TasteSweeper, model_digest: str
) -> Sequence[WorkerPlan]:
    """The workers; their modules import the engine's library, so they are imported here."""
    calibrations, tracks, adoptions, sweeps = (
        importlib.import_module(f"resonance_extract.{name}")
        for name in (
            "calibration.activities",
            "activations.track_workflow",
            "adoption.activities",
            "tastes.sweep_workflow",
        )
    )
    return [
        *calibrations.worker_plans(measuring, model_digest=model_digest),
        *tracks.worker_plans(locks),
        *adoptions.worker_plans(adoption, model_digest=model_digest),
        *sweeps.worker_plans(sweeper),
    ]


def _open_describer(gemini: Gemini | None) -> Describer:
    if gemini is None:
        return MeterDescriber()
    from resonance_extract.tastes.gemini_describer import GeminiDescriber

    return CarefulDescriber(GeminiDescriber(gemini))
