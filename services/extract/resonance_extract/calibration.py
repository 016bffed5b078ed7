"""Calibration: render through `generate` at several strengths on both sides of zero, measure, store the safe range."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import grpc
import numpy as np
from numpy.typing import NDArray

from resonance.rpc import error_of
from resonance.v1 import extract_pb2, generate_pb2, generate_pb2_grpc, steering_pb2
from resonance_extract.concepts import ConceptShelf, usable
from resonance_extract.quality import Quality, failed_gates, mean_of, measure

Array = NDArray[np.float32]
_Response = extract_pb2.CalibrateConceptResponse
STRENGTHS = (-3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0)
PROMPTS = ("calm piano music", "rock with drums and bass", "ambient synth", "jazz")
CLIP_S = 4.0
RENDER_S_MAX = 600.0
_SEED = 4242
PROTOTYPE_LAMBDA_MAX = 4.0


class Calibration:
    """What one `CalibrateConcept` call does."""

    def __init__(self, concepts: ConceptShelf, generate: generate_pb2_grpc.GenerateServiceStub) -> None:
        self._concepts = concepts
        self._generate = generate

    async def run(self, request: extract_pb2.CalibrateConceptRequest) -> AsyncGenerator[_Response, None]:
        """Yields progress and the calibrated concept. Raises what `generate` raises, and for a concept that is not usable."""
        concept = usable(await self._concepts.get(request.name))
        strengths = sorted({*(request.strengths or STRENGTHS)} - {0.0})
        prompts = list(request.prompts) or list(PROMPTS)
        clip_s = max(1.0, request.clip_s) if request.clip_s else CLIP_S
        total, done = len(prompts) * (len(strengths) + 1), 0
        twins: list[Array] = []
        rendered: dict[float, list[Quality]] = {strength: [] for strength in (0.0, *strengths)}
        for prompt in prompts:
            for strength in (0.0, *strengths):
                samples, rate = await self._render(prompt, request.name, strength, clip_s)
                if strength == 0.0:
                    twins.append(samples)
                rendered[strength].append(measure(samples, twins[-1], sample_rate_hz=rate))
                done += 1
                yield _Response(progress=extract_pb2.Progress(done=done, total=total))
        points = _points({strength: mean_of(measured) for strength, measured in rendered.items()})
        concept.calibration.CopyFrom(_calibration_of(points, concept))
        concept.calibration.create_time.GetCurrentTime()
        await self._concepts.save(concept)
        yield _Response(concept=concept)

    async def _render(self, prompt: str, name: str, strength: float, clip_s: float) -> tuple[Array, int]:
        """One take, mono float, and its rate. The id is empty: nobody asks for it again."""
        recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text=prompt)])
        if strength:
            recipe.concepts.add(name=name, strength=strength, unclamped=True)
        request = generate_pb2.GenerateRequest(recipe=recipe, duration_s=clip_s, seed=_SEED, is_transient=True)
        call = self._generate.Generate(request, timeout=RENDER_S_MAX)
        pcm, rate = bytearray(), 0
        try:
            async for response in call:
                if response.HasField("started"):
                    rate = response.started.format.sample_rate_hz
                pcm += response.chunk.data
        except grpc.aio.AioRpcError as failure:
            raise error_of(failure) from failure
        finally:
            call.cancel()
        return np.frombuffer(bytes(pcm), dtype="<i2").astype(np.float32) / 32768.0, rate


def _points(measured: dict[float, Quality]) -> list[extract_pb2.CalibrationPoint]:
    points = []
    for strength in sorted(measured):
        quality = measured[strength]
        failed = failed_gates(quality, measured[0.0]) if strength else []
        points.append(
            extract_pb2.CalibrationPoint(
                strength=strength,
                rms=quality.rms,
                clipped_share=quality.clipped_share,
                silent_share=quality.silent_share,
                flatness=quality.flatness,
                distance_db=quality.distance_db,
                passed=not failed,
                failed_gates=failed,
            )
        )
    return points


def _calibration_of(
    points: Sequence[extract_pb2.CalibrationPoint], concept: extract_pb2.Concept
) -> extract_pb2.Calibration:
    """The widest range around zero in which every measured point passed; a side that fails at once is 0."""
    negative = [point for point in reversed(points) if point.strength < 0]
    positive = [point for point in points if point.strength > 0]
    largest = max(layer.norm for layer in concept.layers)
    return extract_pb2.Calibration(
        strength_min=_last_passed(negative),
        strength_max=_last_passed(positive),
        points=points,
        prototype_upper=min(PROTOTYPE_LAMBDA_MAX, max(1.0, 3.2 / max(largest, 1e-6))),
    )


def _last_passed(points: Sequence[extract_pb2.CalibrationPoint]) -> float:
    reached = 0.0
    for point in points:
        if not point.passed:
            break
        reached = point.strength
    return reached
