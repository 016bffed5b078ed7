"""Fixtures: running services for calibration jobs, concepts and tastes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import numpy as np
import pytest
import pytest_asyncio
import torch
from google.protobuf import json_format
from support.engine_server import engine_url  # noqa: F401  (fixture)
from support.extracting import Bench, CountingRenderer, noise

from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.store.keys import (
    concept_key,
    reference_key,
    vector_key,
)
from resonance.v1 import extract_pb2, generate_pb2_grpc
from resonance_extract.activations.configuration import reference_digest
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.calibration.conditions import Condition
from resonance_extract.calibration.renderings import Measured, Renderer
from resonance_extract.concepts.store import ConceptStore
from resonance_extract.directions.scaling import build_direction
from resonance_extract.directions.statistics import ReferenceStatistics
from resonance_extract.tastes.store import TasteStore
from resonance_generate.build import open_generate
from resonance_model.activations import read_clip
from resonance_model.loaded_model import LoadedModel


@pytest.fixture(scope="session")
def computed(tiny: LoadedModel) -> dict[str, bytes]:
    """Stored objects: a reference of noise, and a concept of a random direction. These tests do not test how they are made."""
    stats = read_clip(tiny, torch.from_numpy(noise(2.0)))
    mean, variance = (one.numpy().astype(np.float32)[None] for one in (stats.mean, stats.variance))
    reference = ReferenceStatistics.of_pieces(mean, variance + np.float32(1e-4))
    difference = np.random.default_rng(3).normal(size=reference.mean.shape).astype(np.float32)
    digest = tiny.description.digest
    vector = build_direction(difference, reference, model_digest=digest).to_bytes()
    scores = [extract_pb2.LayerScore(layer=layer, auc=0.9, norm=0.5) for layer in range(tiny.config.layer_count)]
    concept = extract_pb2.Concept(
        name="rush",
        model_digest=digest,
        ready=True,
        layers=scores,
        vector_key=vector_key("rush"),
        vector_sha256=hashlib.sha256(vector).hexdigest(),
    )
    return {
        reference_key(reference_digest(digest)): reference.to_bytes(),
        vector_key("rush"): vector,
        concept_key(digest, "rush"): json_format.MessageToJson(concept).encode(),
    }


@pytest.fixture(scope="session")
def renderings() -> dict[tuple[str, Condition], Measured]:
    """Renderings that several tests share: the same condition of the same vector has the same measurements."""
    return {}


@pytest_asyncio.fixture
async def bench(
    tiny: LoadedModel,
    computed: dict[str, bytes],
    renderings: dict[tuple[str, Condition], Measured],
    engine_url: str,  # noqa: F811
) -> AsyncIterator[Bench]:
    store = MemoryStore()
    for key, data in computed.items():
        await store.put(key, data)
    async with AsyncExitStack() as stack:
        server = RpcServer("127.0.0.1:0")
        settings = Settings(grpc_addr=await server.bind())
        parts = await stack.enter_async_context(open_generate(settings, store, tiny))
        parts.add_to(server)
        await server.start()
        stack.push_async_callback(server.stop, 0)
        channel = await stack.enter_async_context(open_channel(settings.grpc_addr))
        worker = ActivationWorker(tiny)
        stack.callback(worker.close)
        references = ReferenceStore(worker, store)
        concepts = ConceptStore(worker, store, references, take_s=1.0)
        renderer = CountingRenderer(Renderer(generate_pb2_grpc.GenerateServiceStub(channel), worker), renderings)
        bench = Bench(
            store,
            concepts,
            TasteStore(worker, store, references),
            renderer,
            worker,
            references,
            tiny.description.digest,
            Settings(engine=engine_url),
        )
        yield bench
        for engine in bench.engines:
            await engine.close()
