"""What the engine is asked for: a params, a seed, a length, and the stream that the music goes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from resonance_generate.engine.chunk_stream import ChunkStream


class SteeringRule(Enum):
    """How the push depends on where the music already is. See `resonance_model.steering.adaptive`."""

    ADD = auto()
    EASE = auto()
    CLAMP = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParams:
    """A recipe made ready for the engine: vectors fetched and summed, defaults filled in.

    `steering` is `[layers, rows, hidden]` or None for exactly nothing. Weights of `prompts` are positive. `rule` other than ADD has the
    push depend on where the music is, and needs `baselines` `[layers]`. `melody` are the pitch classes of a tune to follow,
    `[frames, 12]`; None for none.
    """

    recipe_id: str
    prompts: tuple[tuple[str, float], ...]
    steering: Tensor | None
    guidance_scale: float
    temperature: float
    top_k: int
    rule: SteeringRule = SteeringRule.ADD
    baselines: Tensor | None = None
    melody: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """One take, or with `frame_count` None one performance.

    `given` are tokens that stand already, `[codebooks, frame_count]` with -1 where music is to be made; None for none.
    With `lead_s` the engine makes each chunk as late as it can, so that it is there so long before it is played; without, as fast as it
    can.
    """

    request_id: str
    params: GenerationParams
    seed: int
    frame_count: int | None
    chunk_frames: int
    stream: ChunkStream
    lead_s: float | None = None
    given: NDArray[np.int64] | None = None
