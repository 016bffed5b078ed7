"""Steering timeline of a finished take: which recipe acted from which sample, and how much of each slider its states show.

The model reads the take's tokens once more, under the take's own words and steering, and projects its states on the sliders' directions.
The result is kept with the take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import structlog
import torch
from google.protobuf import json_format
from torch import Tensor

from resonance.errors import DataLoss, NotFound, ResonanceError
from resonance.ids import canonical_digest, sha256_hex
from resonance.steering.direction import Direction
from resonance.steering.sliders import SLIDER_NAMES
from resonance.store import ObjectStore
from resonance.store.keys import take_timeline_key
from resonance.v1 import generate_pb2
from resonance_generate.conditions.recipes import RecipeResolver
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import GenerationParams
from resonance_generate.engine.steering_changes import build_adaptive_steering
from resonance_generate.takes.library import TakeLibrary
from resonance_model.activations import read_projections
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.loaded_model import LoadedModel

RATE_HZ_MAX = 10.0
_YIELD_S = 0.02
# Slices that a busy engine holds up at most, each for this long: a timeline is late beside listeners, and still comes.
_YIELDS_MAX = 25
_log = structlog.get_logger("timeline")


class TakeTimelines:
    """Timelines by take. One is read at a time, in slices that let listeners' steps go first."""

    def __init__(
        self,
        model: LoadedModel,
        resolver: RecipeResolver,
        vectors: Vectors,
        takes: TakeLibrary,
        store: ObjectStore,
        engine: Engine,
        info: generate_pb2.ModelInfo,
    ) -> None:
        self._model = model
        self._resolver = resolver
        self._vectors = vectors
        self._takes = takes
        self._store = store
        self._engine = engine
        self._info = info
        self._turn = asyncio.Semaphore(1)

    async def get(self, request_id: str) -> generate_pb2.TakeTimeline:
        """The take's timeline. What cannot be read is missing in it, and a notice says why.

        Raises:
            NotFound: there is no such take.
            Unavailable: the store is away.
        """
        take = await self._takes.get(request_id)
        timeline = generate_pb2.TakeTimeline(request_id=request_id, sample_rate_hz=take.format.sample_rate_hz)
        timeline.recipe_changes.add(sample_offset=0, recipe=take.recipe, recipe_id=take.recipe_id)
        timeline.recipe_changes.extend(take.recipe_changes)
        sliders = await self._ready_sliders()
        if reason := self._unreadable_reason(take, sliders):
            timeline.notices.append(reason)
            return timeline
        digest = canonical_digest([take.codes_sha256, *(f"{name} {key}" for name, (key, _) in sliders.items())])
        async with self._turn:
            stored = await self._find(request_id, digest)
            return await self._read(take, timeline, sliders, digest) if stored is None else stored

    def _unreadable_reason(self, take: generate_pb2.Take, sliders: dict[str, tuple[str, Direction]]) -> str:
        """Why the take's states cannot be read; empty where they can."""
        if take.model.digest != self._info.digest:
            return f"the take was made by another model; this service runs {self._info.model_id}"
        if take.is_performed:
            return "the take was played live, and the model's states were not kept"
        if not take.codes_sha256:
            return "the take's tokens were not kept"
        if take.recipe_changes:
            return "the take was steered by several recipes; its states are read under one alone"
        if take.melody_sha256:
            return "the take followed a melody, which is not kept with it"
        return "" if sliders else "no slider of this model is ready yet"

    async def _ready_sliders(self) -> dict[str, tuple[str, Direction]]:
        """Digest and direction of every slider that is ready."""
        ready: dict[str, tuple[str, Direction]] = {}
        for name in SLIDER_NAMES:
            try:
                direction = (await self._vectors.slider(name)).direction
            except ResonanceError as refusal:
                _log.debug("slider left out of a timeline", slider=name, reason=refusal.reason)
                continue
            ready[name] = (sha256_hex(direction.to_bytes()), direction)
        return ready

    async def _find(self, request_id: str, digest: str) -> generate_pb2.TakeTimeline | None:
        try:
            stored = await self._store.get(take_timeline_key(request_id))
        except (NotFound, DataLoss):
            return None
        timeline = json_format.Parse(stored.data, generate_pb2.TakeTimeline())
        return timeline if timeline.digest == digest else None

    async def _read(
        self,
        take: generate_pb2.Take,
        timeline: generate_pb2.TakeTimeline,
        sliders: dict[str, tuple[str, Direction]],
        digest: str,
    ) -> generate_pb2.TakeTimeline:
        codes = torch.from_numpy(await self._takes.codes(take))
        params = (await self._resolver.resolve(take.recipe)).params
        slot = await asyncio.to_thread(self._open_slot, params)
        directions = [direction for _, direction in sliders.values()]
        window = round(self._info.trained_duration_s * self._info.frame_rate_hz)
        parts: list[Tensor] = []
        slices = read_projections(self._model.decoder, codes, slot, directions, window_frames=window)
        while (part := await asyncio.to_thread(_next_or_none, slices)) is not None:
            parts.append(part)
            await self._yield_to_listeners()
        frames_each = max(1, -(-round(self._info.frame_rate_hz) // round(RATE_HZ_MAX)))
        timeline.rate_hz = self._info.frame_rate_hz / frames_each
        means = _block_means(torch.cat(parts), frames_each)
        for name, values in zip(sliders, means.T.tolist(), strict=True):
            timeline.curves.add(slider=name, values=[round(value, 4) for value in values])
        timeline.digest = digest
        document = json_format.MessageToJson(timeline, indent=None).encode()
        await self._store.put(take_timeline_key(take.request_id), document)
        return timeline

    def _open_slot(self, params: GenerationParams) -> CacheSlot:
        """An empty slot of the conditional branch with the recipe's words and steering."""
        with torch.inference_mode():
            states = self._model.encode_text([text for text, _ in params.prompts])
            weights = [weight for _, weight in params.prompts]
            conditioning = self._model.decoder.condition(list(zip(states, weights, strict=True)))
            slot = CacheSlot(self._model.config, conditioning, steering=params.steering, branch_count=1)
            slot.adaptive = build_adaptive_steering(params)
        return slot

    async def _yield_to_listeners(self) -> None:
        for _ in range(_YIELDS_MAX):
            if not self._engine.has_listeners:
                return
            await asyncio.sleep(_YIELD_S)


def _next_or_none(slices: Iterator[Tensor]) -> Tensor | None:
    return next(slices, None)


def _block_means(values: Tensor, size: int) -> Tensor:
    """Means of blocks of `size` rows of `[frames, n]`; the last block may be shorter."""
    return torch.stack([block.mean(dim=0) for block in values.split(size)])
