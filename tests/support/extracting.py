"""Real extract and generate services with the tiny model.

They are for tests of calibration jobs, concepts and tastes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np
import torch
from google.protobuf import json_format

from resonance.durable import Changes, Engine
from resonance.errors import FailedPrecondition, Overloaded, ResonanceError
from resonance.ids import new_request_id
from resonance.settings import Settings
from resonance.steering.track_ranges import is_chosen, select_stretches
from resonance.store import ObjectStore
from resonance.store.keys import reference_key, taste_key
from resonance.v1 import extract_pb2, steering_pb2
from resonance_extract.activations.audio_features import COLUMN_COUNT
from resonance_extract.activations.configuration import reference_digest
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.track_locks import TrackLocks
from resonance_extract.activations.tracks import TrackCache
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.calibration.activities import worker_plans
from resonance_extract.calibration.conditions import Condition, Subject
from resonance_extract.calibration.job_store import CalibrationJobStore
from resonance_extract.calibration.jobs import CalibrationJobs
from resonance_extract.calibration.measuring import CalibrationMeasuring
from resonance_extract.calibration.plans import MeasurementPlanner
from resonance_extract.calibration.renderings import Measured, Renderer
from resonance_extract.concepts.store import ConceptStore
from resonance_extract.directions.statistics import ReferenceStatistics, TrackStatistics
from resonance_extract.tastes.describer import Describer, MeterDescriber
from resonance_extract.tastes.extraction import Extraction
from resonance_extract.tastes.store import TasteStore
from resonance_ingest.pipeline.clips import Clip, ClipShape, cut_stretches
from resonance_model.activations import read_clip
from resonance_model.loaded_model import LoadedModel

RUNNING, COMPLETED, FAILED, CANCELLED = range(1, 5)


class CountingRenderer(Renderer):
    """The real renderer, which counts renderings. A test can make it wait, fail, or refuse, a few times or (`is_full`) always.

    `known` are renderings of earlier tests by vector and condition, which have the same measurements; None renders all again.
    """

    def __init__(self, inner: Renderer, known: dict[tuple[str, Condition], Measured]) -> None:
        self._inner = inner
        self.known: dict[tuple[str, Condition], Measured] | None = known
        self.made: list[Condition] = []
        self.pause_s = 0.0
        self.fails = False
        self.refusals: list[ResonanceError] = []
        self.is_full = False

    async def measure(self, condition: Condition, subject: Subject) -> Measured:
        await asyncio.sleep(self.pause_s)
        if self.fails:
            raise FailedPrecondition("the test says so", reason="FAILED_BY_TEST")
        if self.is_full:
            raise Overloaded("every place is taken; try again in 46 s", reason="QUEUE_FULL", retry_after_s=46.0)
        if self.refusals:
            raise self.refusals.pop()
        name = (subject.vector_sha256, condition)
        found = self.known.get(name) if self.known is not None else None
        found = found or await self._inner.measure(condition, subject)
        if self.known is not None:
            self.known[name] = found
        self.made.append(condition)
        return found


@dataclass(frozen=True, slots=True)
class Bench:
    """Running services, and the parts that calibration jobs need."""

    store: ObjectStore
    concepts: ConceptStore
    tastes: TasteStore
    renderer: CountingRenderer
    worker: ActivationWorker
    references: ReferenceStore
    digest: str
    settings: Settings
    # The engine of all tests is one; each bench has ids and task queues of its own by a model digest of its own.
    scope: str = field(default_factory=new_request_id)
    engines: list[Engine] = field(default_factory=list)

    @property
    def planner(self) -> MeasurementPlanner:
        return MeasurementPlanner(self.store, self.concepts, self.tastes, self.references, self.worker, self.renderer)

    def calibration_jobs(self, **limits: int) -> CalibrationJobs:
        """The calibration jobs of a process of its own, which `end` ends."""
        engine = Engine(self.settings)
        jobs = CalibrationJobStore(self.store, Changes(engine))
        measuring = CalibrationMeasuring(jobs, self.planner, model_digest=self.scope)
        calibration_jobs = CalibrationJobs(jobs, self.planner, engine, model_digest=self.scope, **limits)
        engine.serve(
            lambda: worker_plans(measuring, model_digest=self.scope),
            calibration_jobs.submit_open,
            calibration_jobs.has_open,
        )
        self.engines.append(engine)
        return calibration_jobs

    async def end(self, calibration_jobs: CalibrationJobs) -> None:
        """Ends the workers of a process; its jobs stay open."""
        await calibration_jobs._engine.close()


def noise(length_s: float, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    return (0.1 * np.random.default_rng(seed).normal(size=round(length_s * 16_000))).astype(np.float32)


def asked(**fields: object) -> extract_pb2.StartCalibrationJobRequest:
    """A small calibration that is put in force."""
    values = {
        "concept": "rush",
        "strengths": [-1.0, 1.0],
        "prompts": ["jazz", "rock"],
        "clip_s": 1.0,
        "apply": True,
    } | fields
    return extract_pb2.StartCalibrationJobRequest(**values)  # type: ignore[arg-type]


async def finished(calibration_jobs: CalibrationJobs, calibration_job_id: str) -> extract_pb2.CalibrationJob:
    async with asyncio.timeout(60):
        return [calibration_job async for calibration_job in calibration_jobs.watch(calibration_job_id)][-1]


async def until(calibration_jobs: CalibrationJobs, calibration_job_id: str, done: int) -> None:
    async with asyncio.timeout(60):
        async for calibration_job in calibration_jobs.watch(calibration_job_id):
            if calibration_job.progress.done >= done:
                return


async def keep_reference(store: ObjectStore, model: LoadedModel) -> None:
    """Puts reference statistics of noise into the store, so that a service need not compute its own."""
    stats = read_clip(model, torch.from_numpy(noise(2.0)))
    mean, variance = (one.numpy().astype(np.float32)[None] for one in (stats.mean, stats.variance))
    reference = ReferenceStatistics.of_pieces(mean, variance + np.float32(1e-4))
    await store.put(reference_key(reference_digest(model.description.digest)), reference.to_bytes())


async def keep_taste(bench: Bench, taste_id: str, means: np.ndarray) -> extract_pb2.MusicSource:  # type: ignore[type-arg]
    """A taste whose tracks of one clip have the given `means` `[tracks, layers, hidden]`: the tiny codec does not separate music."""
    cache, one = TrackCache(bench.store, model_digest=bench.digest), np.ones(1, np.float32)
    taste = steering_pb2.TasteSummary(taste_id=taste_id, model_digest=bench.digest)
    for index, mean in enumerate(means.astype(np.float32)):
        sha256 = hashlib.sha256(mean.tobytes()).hexdigest()
        taste.tracks.add(title=str(index), sha256=sha256, clip_count=1)
        statistics = TrackStatistics(
            means=mean[None],
            starts_s=0 * one,
            ends_s=one,
            rms=one,
            meters=np.zeros((1, COLUMN_COUNT), np.float32),
            variances=np.ones_like(mean[None]),
            blocks=np.full((1, 97), 1e-2, np.float32),
        )
        await cache.keep(sha256, statistics)
    await bench.store.put(taste_key(taste_id), json_format.MessageToJson(taste).encode())
    return extract_pb2.MusicSource(taste_id=taste_id)


async def make_taste(
    bench: Bench,
    tracks: dict[int, np.ndarray],  # type: ignore[type-arg]
    *,
    taste_id: str = "t-test",
    describer: Describer | None = None,
    fault_count: int = 0,
    **options: object,
) -> steering_pb2.TasteSummary:
    """One clip per track, or those that `ingest` cuts from the chosen ranges, through the real extraction; so many tracks fail."""
    from resonance.v1 import audio_pb2, ingest_pb2

    plan: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
    chosen = steering_pb2.TasteOptions(**options)  # type: ignore[arg-type]
    clips = {index: _cut_clips(index, samples, chosen) for index, samples in tracks.items()}
    shas = {index: hashlib.sha256(samples.tobytes()).hexdigest() for index, samples in tracks.items()}

    async def requests() -> AsyncIterator[extract_pb2.ExtractTasteRequest]:
        announced = [
            extract_pb2.ExtractionTrack(
                index=index,
                sha256=shas[index],
                clip_count=max(1, len(clips[index])),
                title=str(index),
                duration_s=len(samples) / 16_000,
            )
            for index, samples in tracks.items()
        ]
        start = extract_pb2.ExtractionStart(
            taste_id=taste_id,
            tracks=announced,
            options=chosen,
        )
        yield extract_pb2.ExtractTasteRequest(start=start)
        for index in await plan:
            for clip in clips[index]:
                samples = tracks[index][clip.start : clip.start + clip.sample_count]
                opening = ingest_pb2.ClipOpening(
                    track_index=index, clip_index=clip.index, start_s=clip.start / 16_000, sample_count=len(samples)
                )
                yield extract_pb2.ExtractTasteRequest(clip=opening)
                for begin in range(0, len(samples), 16_000):
                    part = samples[begin : begin + 16_000]
                    chunk = audio_pb2.AudioChunk(sample_count=len(part), data=part.astype("<f4").tobytes())
                    yield extract_pb2.ExtractTasteRequest(chunk=chunk)

    extraction = Extraction(
        bench.worker,
        bench.store,
        bench.references,
        running_max=4,
        describer=describer or MeterDescriber(),
        locks=TrackLocks(Engine(Settings()), scope=bench.digest),
    )
    faults: list[str] = []
    async for response in extraction.run(requests()):
        if response.HasField("plan"):
            plan.set_result(list(response.plan.track_indices))
        if response.HasField("track_fault"):
            faults.append(response.track_fault.fault.reason)
        if response.HasField("taste"):
            taste = response.taste
            assert len(faults) == fault_count, faults
            return taste
    raise AssertionError(faults)


def _cut_clips(index: int, samples: np.ndarray, options: steering_pb2.TasteOptions) -> tuple[Clip, ...]:  # type: ignore[type-arg]
    if not is_chosen(options, index):
        return ()
    stretches = select_stretches(options, index, sample_count=len(samples), sample_rate_hz=16_000, least_s=1.0)
    shape = ClipShape(sample_rate_hz=16_000, clip_s=10.0, hop_s=8.0, clip_min_s=1.0)
    return cut_stretches(stretches, shape) or (Clip(index=0, start=0, sample_count=len(samples)),)
