"""Direction planted in a decoder: vector, layer, sign, knee, leakage."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from google.protobuf import json_format
from support.engine_server import engine_url, own_engine  # noqa: F401  (fixtures)
from support.planted import LOUD_TOKEN, PLANTED_LAYER, Planted, plant

from resonance.durable import Changes, Engine
from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.steering.direction import Direction
from resonance.store import MemoryStore
from resonance.store.keys import concept_key, reference_key
from resonance.v1 import extract_pb2, generate_pb2_grpc
from resonance_extract.activations.configuration import reference_digest
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.calibration.activities import worker_plans
from resonance_extract.calibration.job_store import CalibrationJobStore
from resonance_extract.calibration.jobs import CalibrationJobs
from resonance_extract.calibration.measuring import CalibrationMeasuring
from resonance_extract.calibration.plans import MeasurementPlanner
from resonance_extract.calibration.renderings import Renderer
from resonance_extract.concepts.store import ConceptStore
from resonance_extract.directions.layer_scores import best_layers
from resonance_extract.directions.statistics import ReferenceStatistics
from resonance_extract.tastes.store import TasteStore
from resonance_generate.build import open_generate
from resonance_model.activations import read_codes
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.stacking import WeightedDirection, stack

PAIRS = [extract_pb2.PromptPair(positive=f"more {what}", negative=f"less {what}") for what in ("rain", "wind")]
STRENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)


@pytest.fixture(scope="module")
def planted(tiny: LoadedModel) -> Planted:
    return plant(tiny)


@pytest.fixture(scope="module")
def found(planted: Planted) -> tuple[dict[str, bytes], extract_pb2.Concept]:
    """What the pipeline makes of the prompt pairs: the store's objects and the concept."""

    async def compute() -> tuple[dict[str, bytes], extract_pb2.Concept]:
        store, worker = MemoryStore(), ActivationWorker(planted.model)
        codes = torch.randint(0, 64, (4, 100), generator=torch.Generator().manual_seed(1))
        stats = read_codes(planted.model, codes)
        mean, variance = (one.numpy().astype(np.float32)[None] for one in (stats.mean, stats.variance))
        reference = ReferenceStatistics.of_pieces(mean, variance)
        await store.put(reference_key(reference_digest(planted.model.description.digest)), reference.to_bytes())
        references = ReferenceStore(worker, store)
        concepts = ConceptStore(worker, store, references)
        async for response in concepts.compute(extract_pb2.ComputeConceptRequest(name="truth", pairs=PAIRS)):
            concept = response.concept
        objects = {key: (await store.get(key)).data async for key in store.keys("")}
        await asyncio.to_thread(worker.close)
        return objects, concept

    return asyncio.run(compute())


@pytest.fixture(scope="module")
def direction(found: tuple[dict[str, bytes], extract_pb2.Concept]) -> Direction:
    objects, concept = found
    return Direction.from_bytes(objects[concept.vector_key])


def test_the_pipeline_recovers_the_vector_and_its_sign(direction: Direction, planted: Planted) -> None:
    row = direction.per_layer[PLANTED_LAYER]
    assert row @ planted.truth.numpy() / np.linalg.norm(row) >= 0.95


def test_the_scan_finds_the_layer(found: tuple[dict[str, bytes], extract_pb2.Concept]) -> None:
    _, concept = found
    assert not concept.unusable_reason
    assert best_layers(concept.layers)[0] == PLANTED_LAYER
    assert concept.layers[PLANTED_LAYER].auc == 1.0
    assert max(concept.layer_gains, key=lambda layer: concept.layer_gains[layer]) == PLANTED_LAYER
    assert concept.layer_gains[PLANTED_LAYER] == 1.0
    others = [layer.norm for layer in concept.layers if layer.layer != PLANTED_LAYER]
    assert concept.layers[PLANTED_LAYER].norm > 2 * max(others)


@torch.inference_mode()
def say(planted: Planted, direction: Direction, strengths: list[float]) -> list[torch.Tensor]:
    """Tokens of one voice per strength, at the planted layer alone, all in one batch."""
    model = planted.model
    gains = {layer: float(layer == PLANTED_LAYER) for layer in range(model.config.layer_count)}
    voices = []
    for strength in strengths:
        push = WeightedDirection(direction=direction, strength=strength, layer_gains=gains)
        stacked = stack([push], model.config, digest=model.description.digest, both_branches=False, is_joint=True)
        slot = CacheSlot(model.config, model.decoder.condition([(model.encode_text(["music"])[0], 1.0)]))
        slot.steering = None if stacked is None else stacked.steering
        sampling = Sampling(guidance_scale=3.0, temperature=1.0, top_k=0, seed=21)
        voices.append(TokenSequence(model.decoder, slot, sampling, frame_count=60, window_steps=200, context_frames=50))
    while not voices[0].is_finished:
        advance(model.decoder, voices)
    return [voice.frames(0, 60) for voice in voices]


def share(codes: torch.Tensor) -> float:
    return float((codes == LOUD_TOKEN).float().mean())


def test_steering_moves_the_output_both_ways_and_monotonously(planted: Planted, direction: Direction) -> None:
    down, still, up, further = (share(codes) for codes in say(planted, direction, [-2.0, 0.0, 2.0, 4.0]))
    assert down < still < up < further


def test_a_steered_request_leaks_nothing_into_its_neighbours(planted: Planted, direction: Direction) -> None:
    alone = say(planted, direction, [0.0])[0]
    among = say(planted, direction, [8.0, 0.0, -8.0, 3.0])
    assert torch.equal(alone, among[1])
    assert share(among[0]) > share(alone)


@asynccontextmanager
async def calibration_jobs_of(
    planted: Planted, objects: dict[str, bytes], address: str
) -> AsyncIterator[CalibrationJobs]:
    store = MemoryStore()
    for key, data in objects.items():
        await store.put(key, data)
    async with AsyncExitStack() as stack_:
        server = RpcServer("127.0.0.1:0")
        settings = Settings(grpc_addr=await server.bind(), engine=address)
        parts = await stack_.enter_async_context(open_generate(settings, store, planted.model))
        parts.add_to(server)
        await server.start()
        stack_.push_async_callback(server.stop, 0)
        channel = await stack_.enter_async_context(open_channel(settings.grpc_addr))
        worker = ActivationWorker(planted.model)
        stack_.callback(worker.close)
        references = ReferenceStore(worker, store)
        concepts = ConceptStore(worker, store, references)
        renderer = Renderer(generate_pb2_grpc.GenerateServiceStub(channel), worker)
        planner = MeasurementPlanner(
            store, concepts, TasteStore(worker, store, references), references, worker, renderer
        )
        engine, digest = Engine(settings), planted.model.description.digest
        stack_.push_async_callback(engine.close)
        jobs = CalibrationJobStore(store, Changes(engine))
        measuring = CalibrationMeasuring(jobs, planner, model_digest=digest)
        calibration_jobs = CalibrationJobs(jobs, planner, engine, model_digest=digest)
        engine.serve(
            lambda: worker_plans(measuring, model_digest=digest),
            calibration_jobs.submit_open,
            calibration_jobs.has_open,
        )
        yield calibration_jobs


def at_the_layer_alone(objects: dict[str, bytes], concept: extract_pb2.Concept) -> dict[str, bytes]:
    """The store with a direction that is zero at all layers but the one that the scan found."""
    found = Direction.from_bytes(objects[concept.vector_key])
    mask = np.zeros((len(found.per_layer), 1), dtype=np.float32)
    mask[best_layers(concept.layers)[0]] = 1.0
    data = replace(found, per_layer=found.per_layer * mask).to_bytes()
    changed = extract_pb2.Concept()
    changed.CopyFrom(concept)
    changed.vector_sha256 = hashlib.sha256(data).hexdigest()
    changed.layer_gains.clear()
    name = concept_key(concept.model_digest, concept.name)
    return objects | {concept.vector_key: data, name: json_format.MessageToJson(changed).encode()}


async def test_calibration_finds_the_knee(
    planted: Planted,
    direction: Direction,
    found: tuple[dict[str, bytes], extract_pb2.Concept],
    own_engine: str,  # noqa: F811
) -> None:
    """Beyond some strength the model repeats one token for ever. The tokens show where; calibration finds it in the sound."""
    request = extract_pb2.StartCalibrationJobRequest(
        concept="truth", strengths=STRENGTHS, prompts=["music"], clip_s=1.2
    )
    async with calibration_jobs_of(planted, at_the_layer_alone(*found), own_engine) as calibration_jobs:
        started = await calibration_jobs.start(request)
        calibration_job = [one async for one in calibration_jobs.watch(started.calibration_job_id)][-1]
    assert calibration_job.state == extract_pb2.CALIBRATION_JOB_STATE_COMPLETED
    calibration = calibration_job.calibration
    stuck = [
        strength
        for strength, codes in zip(STRENGTHS, say(planted, direction, list(STRENGTHS)), strict=True)
        if float((codes[0] == LOUD_TOKEN).float().mean()) > 0.9
    ]
    failed = [point.strength for point in calibration.points if not point.passed]
    assert stuck, "the strongest push must break it"
    assert set(stuck) <= set(failed)
    assert 0 < calibration.strength_max < min(stuck)
    assert all("repetition" in point.failed_gates for point in calibration.points if point.strength in stuck)
