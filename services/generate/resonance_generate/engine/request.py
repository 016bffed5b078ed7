"""Engine requests: generation parameters, seed, length, audio stream."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from resonance_generate.engine.chunk_stream import ChunkStream


class SteeringRule(Enum):
    """Dependence of the steering on the current hidden state. See `resonance_model.steering.adaptive`."""

    ADD = auto()
    EASE = auto()
    CLAMP = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParams:
    """A recipe made ready for the engine: vectors fetched and summed, defaults filled in.

    `steering` is `[layers, branches, hidden]`, or None for no steering at all. Weights of `prompts` are positive. A `rule` other than ADD
    measures the hidden state against `baselines` `[layers]`. `melody` holds pitch classes to follow, `[frames, 12]`, or None. `negative` is
    a text that guidance steers away from; empty for none. `novelty` weighs a penalty on what was said a while ago.
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
    negative: str = ""
    novelty: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """One take, or with `frame_count` None one live performance.

    `prompt_tokens` `[codebooks, frame_count]` are known before the first step; -1 marks tokens to sample. With `lead_s` the engine makes
    each chunk as late as it can, this long before it is played. Without it the engine works as fast as it can.
    `changes` are parameters and the frame from which they act, in rising order: samples before that frame stay as they are, to the bit. A
    take that `keeps_beginning` hears its first bars in every window; one that is to become other music than it began with does not.
    One that `is_background` moves only while no listener's request wants a step, and gives its slot up to one that waits. `owner` is the
    account that slots are shared out by; empty where an installation asks for no keys.
    """

    request_id: str
    params: GenerationParams
    seed: int
    frame_count: int | None
    chunk_frames: int
    stream: ChunkStream
    lead_s: float | None = None
    prompt_tokens: NDArray[np.int64] | None = None
    is_background: bool = False
    changes: tuple[tuple[int, GenerationParams], ...] = ()
    keeps_beginning: bool = False
    owner: str = ""
