"""Parts of an adoption, in the order in which they are made.

A part looks into the store to find out if it is done, so that a finished one is never made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, Protocol

from resonance.errors import Cancelled, DataLoss, NotFound, Overloaded, ResonanceError
from resonance.steering.sliders import SLIDER_NAMES, SLIDER_PAIRS
from resonance.v1 import extract_pb2
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.reference_takes import DURATION_S, PROMPTS, Report
from resonance_extract.calibration.conditions import CLIP_S, LADDER
from resonance_extract.calibration.conditions import PROMPTS as RENDERED_PROMPTS
from resonance_extract.calibration.jobs import CalibrationJobs
from resonance_extract.calibration.measuring import derive_id
from resonance_extract.calibration.plans import MeasurementPlanner
from resonance_extract.concepts.store import TAKE_S, ConceptStore

_RANGE = extract_pb2.CALIBRATION_JOB_KIND_RANGE
_LAYERS = extract_pb2.CALIBRATION_JOB_KIND_LAYERS
_COMPLETED = extract_pb2.CALIBRATION_JOB_STATE_COMPLETED
_FULL_PAUSE_S = 5.0
# Renderings of one prompt: without steering under two seeds and both ladders; without steering and five forms at two strengths.
_RENDERINGS = {_RANGE: 2 + 2 * len(LADDER), _LAYERS: 1 + 5 * 2}


class Part(Protocol):
    """One part of an adoption."""

    @property
    def kind(self) -> str:
        """`reference`, `slider`, `range` or `layers`: parts of one kind take about the same time for each second of music."""
        ...

    @property
    def name(self) -> str:
        """The part's name for people."""
        ...

    @property
    def step_count(self) -> int:
        """The number of steps, as far as it is known before the part begins."""
        ...

    @property
    def music_s(self) -> float:
        """Seconds of music that are generated for it."""
        ...

    async def why_left_out(self) -> str:
        """Why the part is not made for this model; empty where it is."""
        ...

    async def is_done(self) -> bool:
        """True where its result is stored."""
        ...

    async def make(self, report: Report) -> None:
        """Makes the part, or what is missing of it. Raises ResonanceError."""
        ...


class ReferencePart:
    """The reference statistics of the model."""

    kind = name = "reference"
    step_count = len(PROMPTS)
    music_s = len(PROMPTS) * DURATION_S

    def __init__(self, references: ReferenceStore) -> None:
        self._references = references

    async def why_left_out(self) -> str:
        """Empty: every model needs it."""
        return ""

    async def is_done(self) -> bool:
        """True where a reference is in force."""
        return await self._references.is_stored()

    async def make(self, report: Report) -> None:
        """Reads the takes that were not read."""
        await self._references.get(report)


class SliderPart:
    """The concept of one slider."""

    kind = "slider"
    step_count = 4

    def __init__(self, slider: str, concepts: ConceptStore) -> None:
        self._slider = slider
        self._concepts = concepts
        self.name = f"slider {slider}"
        self.music_s = self.step_count * len(SLIDER_PAIRS[slider]) * TAKE_S

    async def why_left_out(self) -> str:
        """Empty: every model needs it."""
        return ""

    async def is_done(self) -> bool:
        """True where the concept is stored and was made from the present pairs."""
        return await self._concepts.is_current(self._slider)

    async def make(self, report: Report) -> None:
        """Computes the concept."""
        report(0, self.step_count)
        await self._concepts.prepare_slider(self._slider, report)


class JobPart:
    """A calibration job of one slider: its safe range, or its layer scan."""

    def __init__(
        self,
        request: extract_pb2.StartCalibrationJobRequest,
        concepts: ConceptStore,
        planner: MeasurementPlanner,
        jobs: CalibrationJobs,
        model_digest: str,
    ) -> None:
        self._model_digest = model_digest
        self._request = request
        self._concepts = concepts
        self._planner = planner
        self._jobs = jobs
        self.kind = "range" if request.kind == _RANGE else "layers"
        self.name = f"{self.kind} {request.concept}"
        self.step_count = _RENDERINGS[request.kind] * len(request.prompts or RENDERED_PROMPTS)
        self.music_s = self.step_count * (request.clip_s or CLIP_S)

    async def why_left_out(self) -> str:
        """The reason of a slider that this model cannot follow."""
        with suppress(NotFound, DataLoss):
            return (await self._concepts.get(self._request.concept)).unusable_reason
        return ""

    async def is_done(self) -> bool:
        """True where the slider has a range in force, or its layer scan is completed."""
        with suppress(ResonanceError):
            if self._request.kind == _RANGE:
                return (await self._concepts.get(self._request.concept)).HasField("calibration")
            plan = await self._planner.plan(self._request)
            job = await self._jobs.get(derive_id(plan, self._model_digest))
            return job.state == _COMPLETED
        return False

    async def make(self, report: Report) -> None:
        """Starts or resumes the job and waits for it."""
        job = await self._start()
        async with aclosing(self._jobs.watch(job.calibration_job_id)) as changes:
            async for job in changes:
                report(job.progress.done, job.progress.total)
        if job.state != _COMPLETED:
            fault = job.error.message or "its calibration job was cancelled"
            raise ResonanceError(fault, reason=job.error.reason) if job.error.reason else Cancelled(fault)

    async def _start(self) -> extract_pb2.CalibrationJob:
        while True:
            try:
                return await self._jobs.start(self._request)
            except Overloaded:  # callers' jobs take all places
                await asyncio.sleep(_FULL_PAUSE_S)


def list_parts(
    references: ReferenceStore,
    concepts: ConceptStore,
    planner: MeasurementPlanner,
    jobs: CalibrationJobs,
    *,
    model_digest: str,
    sliders: Sequence[str] = SLIDER_NAMES,
    conditions: Mapping[str, Any] | None = None,
) -> list[Part]:
    """All parts in their order. `conditions` are fields of the calibration jobs' requests; None means the usual ones."""
    parts: list[Part] = [ReferencePart(references), *(SliderPart(name, concepts) for name in sliders)]
    for kind in (_RANGE, _LAYERS):
        for name in sliders:
            request = extract_pb2.StartCalibrationJobRequest(
                kind=kind, concept=name, is_background=True, **dict(conditions or {})
            )
            parts.append(JobPart(request, concepts, planner, jobs, model_digest))
    return parts


def is_essential(part: Part) -> bool:
    """True for the parts without which the sliders do not work: a model that brings its sliders along has the others made on request."""
    return part.kind in {"reference", "slider"}
