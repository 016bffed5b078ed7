"""Renderings: a take through `generate` under one condition, and what is kept of it once it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from resonance.errors import Unavailable
from resonance.ids import canonical_digest
from resonance.rpc import to_domain_error
from resonance.steering.direction import Direction
from resonance.v1 import extract_pb2, generate_pb2, generate_pb2_grpc, steering_pb2
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.calibration.quality import Quality, measure, spectral_shape

Array = NDArray[np.float32]
RENDER_S_MAX = 600.0
SEED = 4242
# Of the unsteered renderings that a calibration knows chance by.
OTHER_SEED = 5252
# Of what is kept of a rendering; another form is measured again.
_FORM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One rendering. `form` is `all`, `one_to_all`, or the number of the only layer that is pushed."""

    prompt: str
    strength: float
    clip_s: float
    form: str = "all"
    seed: int = SEED

    @property
    def key(self) -> str:
        """The condition's name among those of its calibration job."""
        return canonical_digest([_FORM, asdict(self)])[:16]

    @property
    def baseline(self) -> Condition:
        """The same without steering."""
        return Condition(prompt=self.prompt, strength=0.0, clip_s=self.clip_s, seed=self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is kept of a rendering: its quality, its spectrum's shape, and how much of the subject the unsteered model hears in it.

    `reading` is, of a concept of words, how much likelier the positive prompts make the tokens than the negative ones (nats a token); of
    other subjects, where the states lie along the direction (residual standard deviations).
    """

    quality: Quality
    reading: float
    shape: list[float] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"quality": asdict(self.quality), "reading": self.reading, "shape": self.shape}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Measured:
        """Reads `to_json`."""
        return cls(quality=Quality(**values["quality"]), reading=values["reading"], shape=list(values["shape"]))


class Renderer:
    """Makes takes of one concept or taste and measures them."""

    def __init__(self, generate: generate_pb2_grpc.GenerateServiceStub, ear: ActivationWorker) -> None:
        self._generate = generate
        self._ear = ear

    async def measured(self, condition: Condition, subject: Subject) -> Measured:
        """Renders and measures. Raises what `generate` raises."""
        samples, rate = await self._render(condition, subject)
        again = await self._ear.again(samples, condition.prompt, pairs=subject.word_pairs)
        quality = measure(samples, samples, sample_rate_hz=rate)
        values = asdict(quality) | {"log_likelihood": again.log_likelihood}
        states = again.stats.mean.numpy().astype(np.float32)
        along = project_states(states, subject.direction, subject.layer_gains)
        return Measured(
            quality=Quality(**values),
            reading=again.ratio if subject.word_pairs else along,
            shape=[round(float(level), 3) for level in spectral_shape(samples)],
        )

    async def _render(self, condition: Condition, subject: Subject) -> tuple[Array, int]:
        """One take, mono float, and its rate. It is transient: nobody asks for it again."""
        recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text=condition.prompt)])
        if condition.strength:
            subject.add_to(recipe, condition)
        request = generate_pb2.GenerateRequest(
            recipe=recipe, duration_s=condition.clip_s, seed=condition.seed, is_transient=True
        )
        call = self._generate.Generate(request, timeout=RENDER_S_MAX)
        pcm, rate, channel_count = bytearray(), 0, 1
        try:
            async for response in call:
                if response.HasField("started"):
                    rate = response.started.format.sample_rate_hz
                    channel_count = response.started.format.channel_count
                pcm += response.chunk.data
        except grpc.aio.AioRpcError as failure:
            if failure.code() is grpc.StatusCode.CANCELLED:  # not by us, who would not be told: the service stops
                raise Unavailable("the generate service ended in the middle of a rendering") from failure
            raise to_domain_error(failure) from failure
        finally:
            call.cancel()
        return mono(bytes(pcm), channel_count), rate


def mono(pcm: bytes, channel_count: int) -> Array:
    """Interleaved 16-bit PCM as the mean of its channels, `[samples]` in [-1, 1)."""
    frames = np.frombuffer(pcm, dtype="<i2").astype(np.float32).reshape(-1, channel_count)
    return np.asarray(frames.mean(axis=1) / 32768.0, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is measured: a concept or a taste with its direction; `best_layers` are the layers that a scan tries alone.

    `natural_strength` and `layer_gains` are a concept's own (`Concept` in the protos); 0 and empty of a taste. `word_pairs` are the prompts
    (more of it, less of it) that a concept of words alone was made from. `layer_scores` and `layer_basis` are what a scan tells of all
    layers and chose by; `layer_reference` names the reference that they were scored against.
    """

    concept: str
    taste_id: str
    direction: Direction
    vector_sha256: str
    best_layers: tuple[int, ...]
    natural_strength: float = 0.0
    layer_gains: Mapping[int, float] = field(default_factory=dict)
    word_pairs: tuple[tuple[str, str], ...] = ()
    layer_scores: tuple[extract_pb2.LayerScore, ...] = ()
    layer_basis: str = ""
    layer_reference: str = ""

    def add_to(self, recipe: steering_pb2.Recipe, condition: Condition) -> None:
        """Steers the recipe by the condition."""
        weight: steering_pb2.ConceptWeight | steering_pb2.TasteWeight
        if self.concept:
            weight = recipe.concepts.add(name=self.concept, strength=condition.strength, unclamped=True)
        else:
            weight = recipe.tastes.add(taste_id=self.taste_id, strength=condition.strength, unclamped=True)
        if condition.form == "one_to_all":
            weight.layer_mode = steering_pb2.LAYER_MODE_ONE_TO_ALL
        elif condition.form != "all":
            for layer in range(len(self.direction.per_layer)):
                weight.layer_gains[layer] = float(layer == int(condition.form))


def project_states(states: Array, direction: Direction, gains: Mapping[int, float] | None = None) -> float:
    """Where mean states `[layers, hidden]` lie along a direction, in residual standard deviations: h r / |r|^2, the mean over the layers
    that the direction acts on (those whose gain is not 0)."""
    rows = direction.per_layer
    places = (states * rows).sum(axis=1) / np.maximum(np.square(rows).sum(axis=1), 1e-12)
    acting = [layer for layer in range(len(places)) if (gains or {}).get(layer, 1.0)]
    return float(places[acting].mean())
