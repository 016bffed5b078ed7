"""Tastes and concepts in a store, with all-ones directions.

The steering thus shows which ones act.
"""

from __future__ import annotations

import numpy as np
from google.protobuf import json_format

from resonance.steering.direction import Direction
from resonance.store import MemoryStore
from resonance.store.keys import concept_key, taste_key
from resonance.v1 import extract_pb2, steering_pb2
from resonance_model.loaded_model import LoadedModel


def direction_for(model: LoadedModel, digest: str | None = None) -> Direction:
    array = np.ones((model.config.layer_count, model.config.hidden_size), dtype=np.float32)
    return Direction(model_digest=digest or model.description.digest, per_layer=array, one_to_all=2 * array)


async def put_taste(store: MemoryStore, model: LoadedModel, taste_id: str, *, digest: str | None = None) -> None:
    vector = direction_for(model, digest)
    key = f"vectors/{taste_id}.safetensors"
    summary = steering_pb2.TasteSummary(
        taste_id=taste_id,
        model_digest=vector.model_digest,
        vector_key=key,
        vector_sha256=await store.put(key, vector.to_bytes()),
    )
    await store.put(taste_key(taste_id), json_format.MessageToJson(summary).encode())


async def put_concept(store: MemoryStore, model: LoadedModel, name: str, **fields: object) -> None:
    key = f"vectors/{name}.safetensors"
    sha256 = await store.put(key, direction_for(model).to_bytes())
    concept = extract_pb2.Concept(name=name, ready=True, vector_key=key, vector_sha256=sha256, **fields)  # type: ignore[arg-type]
    await store.put(concept_key(model.description.digest, name), json_format.MessageToJson(concept).encode())
