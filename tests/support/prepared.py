"""Prepared sliders: random directions in a system's store.

`extract` computes the sliders of a model that brings none along, in the background of every start: 22 s of CPU for the
tiny model (2026-11-30). Where a test is not about that, random directions serve as well.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
from google.protobuf import json_format

from resonance.settings import Settings
from resonance.steering.direction import Direction
from resonance.steering.sliders import SLIDER_NAMES, SLIDER_PAIRS
from resonance.store import ObjectStore, open_store
from resonance.store.keys import concept_key, vector_key
from resonance.v1 import extract_pb2

if TYPE_CHECKING:
    from resonance_model.loaded_model import LoadedModel


def prepare_sliders(settings: Settings, model: LoadedModel) -> None:
    """Puts a usable concept for every slider into the store of the settings. Called before the system starts."""
    asyncio.run(_prepare(settings, model))


async def _prepare(settings: Settings, model: LoadedModel) -> None:
    store = await open_store(settings)
    try:
        for seed, name in enumerate(SLIDER_NAMES):
            await put_slider(store, model, name, seed)
    finally:
        await store.close()


async def put_slider(store: ObjectStore, model: LoadedModel, name: str, seed: int) -> None:
    """Puts a usable concept of a random direction for one slider."""
    layer_count = model.config.layer_count
    array = np.random.default_rng(seed).normal(size=(layer_count, model.config.hidden_size)).astype(np.float32)
    baselines = np.zeros((2, layer_count), np.float32)
    digest = model.description.digest
    vector = Direction(model_digest=digest, per_layer=array, one_to_all=array, baselines=baselines)
    key = vector_key(f"random-{name}")
    concept = extract_pb2.Concept(
        name=name,
        model_digest=digest,
        pairs=[extract_pb2.PromptPair(positive=more, negative=less) for more, less in SLIDER_PAIRS[name]],
        built_in=True,
        ready=True,
        layers=[extract_pb2.LayerScore(layer=layer, auc=1.0, norm=1.0) for layer in range(layer_count)],
        layer_gains=dict.fromkeys(range(layer_count), 1.0),
        vector_key=key,
        vector_sha256=await store.put(key, vector.to_bytes()),
        made_by="cross_attention",
        natural_strength=1.0,
        separation=extract_pb2.Separation(part_count=len(SLIDER_PAIRS[name]), auc=1.0, chance=0.0),
    )
    await store.put(concept_key(digest, name), json_format.MessageToJson(concept).encode())
