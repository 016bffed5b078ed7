"""Renderings: takes under one condition through `generate`, with measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from resonance.errors import Unavailable
from resonance.rpc import to_domain_error
from resonance.steering.direction import Direction
from resonance.v1 import generate_pb2, generate_pb2_grpc, steering_pb2
from resonance_extract.activations.background import is_background
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.calibration.conditions import Condition, Subject
from resonance_extract.calibration.quality import Quality, measure, spectral_shape

Array = NDArray[np.float32]
RENDER_S_MAX = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The stored measurements of a rendering: its quality, its spectrum's shape, and the reading of the subject.

    `reading` says how much of the subject the unsteered model finds in the rendering. For a concept of words alone it is how much likelier
    the positive prompts make the tokens than the negative ones (nats a token). For other subjects it is the position of the states along
    the direction (residual standard deviations).
    """

    quality: Quality
    reading: float
    shape: list[float] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The measurements as plain values."""
        return {"quality": asdict(self.quality), "reading": self.reading, "shape": self.shape}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Measured:
        """Reads `to_json`."""
        return cls(quality=Quality(**values["quality"]), reading=values["reading"], shape=list(values["shape"]))


class Renderer:
    """Renders conditions of a concept or taste through `generate` and measures them."""

    def __init__(self, generate: generate_pb2_grpc.GenerateServiceStub, worker: ActivationWorker) -> None:
        self._generate = generate
        self._worker = worker

    async def measure(self, condition: Condition, subject: Subject) -> Measured:
        """Renders one condition and measures it. Raises what `generate` raises."""
        await self._worker.turns.wait()
        samples, rate = await self._render(condition, subject)
        score = await self._worker.score(samples, condition.prompt, pairs=subject.word_pairs)
        quality = measure(samples, samples, sample_rate_hz=rate)
        values = asdict(quality) | {"log_likelihood": score.log_likelihood}
        states = score.stats.mean.numpy().astype(np.float32)
        along = project_states(states, subject.direction, subject.layer_gains)
        return Measured(
            quality=Quality(**values),
            reading=score.ratio if subject.word_pairs else along,
            shape=[round(float(level), 3) for level in spectral_shape(samples)],
        )

    async def _render(self, condition: Condition, subject: Subject) -> tuple[Array, int]:
        """One take, mono float, and its sample rate. The take is transient, because no client asks for it again."""
        recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text=condition.prompt)])
        if condition.strength:
            _steer(recipe, condition, subject)
        request = generate_pb2.GenerateRequest(
            recipe=recipe,
            duration_s=condition.clip_s,
            seed=condition.seed,
            is_transient=True,
            is_background=is_background(),
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
            # This process's own cancellation raises CancelledError, so a CANCELLED status means that the service stops.
            if failure.code() is grpc.StatusCode.CANCELLED:
                raise Unavailable("the generate service ended in the middle of a rendering") from failure
            raise to_domain_error(failure) from failure
        finally:
            call.cancel()
        return mono(bytes(pcm), channel_count), rate


def _steer(recipe: steering_pb2.Recipe, condition: Condition, subject: Subject) -> None:
    """Adds the subject to the recipe at the condition's strength and layers."""
    weight: steering_pb2.ConceptWeight | steering_pb2.TasteWeight
    if subject.concept:
        weight = recipe.concepts.add(name=subject.concept, strength=condition.strength, unclamped=True)
    else:
        weight = recipe.tastes.add(taste_id=subject.taste_id, strength=condition.strength, unclamped=True)
    if condition.form == "one_to_all":
        weight.layer_mode = steering_pb2.LAYER_MODE_ONE_TO_ALL
    elif condition.form != "all":
        for layer in range(len(subject.direction.per_layer)):
            weight.layer_gains[layer] = float(layer == int(condition.form))


def mono(pcm: bytes, channel_count: int) -> Array:
    """Interleaved 16-bit PCM as the mean of its channels, `[samples]` in [-1, 1)."""
    frames = np.frombuffer(pcm, dtype="<i2").astype(np.float32).reshape(-1, channel_count)
    return np.asarray(frames.mean(axis=1) / 32768.0, dtype=np.float32)


def project_states(states: Array, direction: Direction, gains: Mapping[int, float] | None = None) -> float:
    """Position of mean states `[layers, hidden]` along a direction, in residual standard deviations.

    It is h r / |r|^2, the mean over the layers on which the direction acts (those whose gain is not 0).
    """
    vectors = direction.per_layer
    places = (states * vectors).sum(axis=1) / np.maximum(np.square(vectors).sum(axis=1), 1e-12)
    acting = [layer for layer in range(len(places)) if (gains or {}).get(layer, 1.0)]
    return float(places[acting].mean())
