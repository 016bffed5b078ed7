"""The planted-direction bench on a real decoder: the pipeline finds what is hidden - vector, layer, sign, knee - and leaks nothing."""

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
from support.planted import LOUD_TOKEN, PLANTED_LAYER, Planted, plant

from resonance.keys import concept_key, reference_key
from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.taste import Direction
from resonance.v1 import extract_pb2, generate_pb2_grpc
from resonance_extract.concepts import ConceptShelf
from resonance_extract.configuration import reference_digest
from resonance_extract.ear import Ear
from resonance_extract.layers import best_layers
from resonance_extract.plans import Planner
from resonance_extract.reference import ReferenceShelf
from resonance_extract.renderings import Renderer
from resonance_extract.statistics import Reference
from resonance_extract.studies import Studies
from resonance_extract.tastes import TasteShelf
from resonance_generate.build import open_generate
from resonance_model.listen import hear_codes
from resonance_model.loaded import LoadedModel
from resonance_model.sampling import Sampling
from resonance_model.slot import Slot
from resonance_model.steering import Push, stack
from resonance_model.voice import Voice, advance

PAIRS = [extract_pb2.PromptPair(positive=f"more {what}", negative=f"less {what}") for what in ("rain", "wind")]
STRENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)


@pytest.fixture(scope="module")
def planted(tiny: LoadedModel) -> Planted:
    return plant(tiny)


@pytest.fixture(scope="module")
def found(planted: Planted) -> tuple[dict[str, bytes], extract_pb2.Concept]:
    """What the pipeline makes of the prompt pairs: the store's objects and the concept."""

    async def compute() -> tuple[dict[str, bytes], extract_pb2.Concept]:
        store, ear = MemoryStore(), Ear(planted.model)
        codes = torch.randint(0, 64, (4, 100), generator=torch.Generator().manual_seed(1))
        heard = hear_codes(planted.model, codes)
        reference = Reference(
            mean=heard.mean.numpy().astype(np.float32), variance=heard.variance.numpy().astype(np.float32)
        )
        await store.put(reference_key(reference_digest(planted.model.facts.digest)), reference.to_bytes())
        shelf = ReferenceShelf(ear, store)
        concepts = ConceptShelf(ear, store, shelf)
        async for response in concepts.compute(extract_pb2.ComputeConceptRequest(name="truth", pairs=PAIRS)):
            concept = response.concept
        objects = {key: (await store.get(key)).data async for key in store.keys("")}
        await asyncio.to_thread(ear.close)
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
    gains = {layer: float(layer == PLANTED_LAYER) for layer in range(model.shape.layer_count)}
    voices = []
    for strength in strengths:
        push = Push(direction=direction, strength=strength, layer_gains=gains)
        stacked = stack([push], model.shape, digest=model.facts.digest, both_rows=False, is_joint=True)
        slot = Slot(model.shape, model.decoder.condition([(model.encode_text(["music"])[0], 1.0)]))
        slot.steering = None if stacked is None else stacked.steering
        sampling = Sampling(guidance_scale=3.0, temperature=1.0, top_k=0, seed=21)
        voices.append(Voice(model.decoder, slot, sampling, frame_count=60, window_steps=200, context_frames=50))
    while not voices[0].is_finished:
        advance(model.decoder, voices)
    return [voice.frames(0, 60) for voice in voices]


def share(codes: torch.Tensor) -> float:
    return float((codes == LOUD_TOKEN).float().mean())


def test_steering_moves_the_output_both_ways_and_monotonously(planted: Planted, direction: Direction) -> None:
    down, still, up, further = (share(codes) for codes in say(planted, direction, [-2.0, 0.0, 2.0, 4.0]))
    assert down < still < up < further


def test_a_steered_row_leaks_nothing_into_its_neighbours(planted: Planted, direction: Direction) -> None:
    alone = say(planted, direction, [0.0])[0]
    among = say(planted, direction, [8.0, 0.0, -8.0, 3.0])
    assert torch.equal(alone, among[1])
    assert share(among[0]) > share(alone)


@asynccontextmanager
async def studies_of(planted: Planted, objects: dict[str, bytes]) -> AsyncIterator[Studies]:
    store = MemoryStore()
    for key, data in objects.items():
        await store.put(key, data)
    async with AsyncExitStack() as stack_:
        server = RpcServer("127.0.0.1:0")
        settings = Settings(grpc_addr=await server.bind())
        parts = await stack_.enter_async_context(open_generate(settings, store, planted.model))
        parts.add_to(server)
        await server.start()
        stack_.push_async_callback(server.stop, 0)
        channel = await stack_.enter_async_context(open_channel(settings.grpc_addr))
        ear = Ear(planted.model)
        stack_.callback(ear.close)
        shelf = ReferenceShelf(ear, store)
        concepts = ConceptShelf(ear, store, shelf)
        renderer = Renderer(generate_pb2_grpc.GenerateServiceStub(channel), ear)
        planner = Planner(store, concepts, TasteShelf(ear, store, shelf), shelf, ear, renderer)
        yield Studies(store, planner, model_digest=planted.model.facts.digest)


def at_the_layer_alone(objects: dict[str, bytes], concept: extract_pb2.Concept) -> dict[str, bytes]:
    """The store with a direction that is nothing but at the layer that the scan found."""
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
    planted: Planted, direction: Direction, found: tuple[dict[str, bytes], extract_pb2.Concept]
) -> None:
    """Past some strength the model says one token for ever. Where that is, the tokens say; calibration hears it in the sound."""
    request = extract_pb2.StartStudyRequest(concept="truth", strengths=STRENGTHS, prompts=["music"], clip_s=1.2)
    async with studies_of(planted, at_the_layer_alone(*found)) as studies:
        started = await studies.start(request)
        study = [one async for one in studies.watch(started.study_id)][-1]
    assert study.state == extract_pb2.STUDY_STATE_COMPLETED
    calibration = study.calibration
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
