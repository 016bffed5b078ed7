"""Plans of calibration jobs: keyed parts, measurements, result.

A request is parsed once into keyed parts, each is measured, and all of them make the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from resonance.errors import FailedPrecondition, invalid_field
from resonance.steering.direction import Direction
from resonance.store import ObjectStore
from resonance.v1 import extract_pb2
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.calibration.conditions import Subject, parse_conditions
from resonance_extract.calibration.layer_renderings import summarise_renderings
from resonance_extract.calibration.range_store import RangeStore
from resonance_extract.calibration.reference_plan import plan_reference
from resonance_extract.calibration.renderings import Measured, Renderer
from resonance_extract.calibration.safe_range import fit_safe_range
from resonance_extract.concepts.store import ConceptStore
from resonance_extract.directions.layer_scores import best_layers
from resonance_extract.tastes.layer_scan import LayerScanner
from resonance_extract.tastes.store import TasteStore

# The number of a concept's pairs that score a rendering; each pair costs two more readings of it.
READING_PAIRS_MAX = 3
_LAYERS = extract_pb2.CALIBRATION_JOB_KIND_LAYERS


class MeasurementPlan(Protocol):
    """One calibration job's work."""

    @property
    def request(self) -> extract_pb2.StartCalibrationJobRequest:
        """The request that the plan was made from; its kind is never unspecified."""
        ...

    @property
    def keys(self) -> list[str]:
        """The keys of its parts, in their order."""
        ...

    @property
    def identity(self) -> list[Any]:
        """All values that the result depends on besides the model."""
        ...

    @property
    def is_usual(self) -> bool:
        """True where the conditions are the usual ones. The result of others is a trial, unless the request applies it."""
        ...

    async def measure(self, key: str) -> dict[str, Any]:
        """Measures one part; returns plain values."""
        ...

    async def finish(self, calibration_job: extract_pb2.CalibrationJob, results: Mapping[str, Any]) -> None:
        """Writes the result of all parts into the calibration job."""
        ...

    async def put_in_force(self, calibration_job: extract_pb2.CalibrationJob) -> None:
        """Puts a finished job's result in force, unless it is a trial."""
        ...


class RenderingPlan:
    """A range job or a layer scan of a concept or taste: renderings through `generate`."""

    def __init__(
        self,
        request: extract_pb2.StartCalibrationJobRequest,
        subject: Subject,
        *,
        renderer: Renderer,
        ranges: RangeStore,
        tastes: TasteStore,
    ) -> None:
        self.request = request
        self._subject = subject
        self._renderer = renderer
        self._ranges = ranges
        self._tastes = tastes
        self._conditions, self.is_usual = parse_conditions(request, subject)
        self.keys = list(self._conditions)
        self._is_trial = not (self.is_usual or request.apply)
        self.identity: list[Any] = [request.kind, subject.concept, subject.taste_id, subject.vector_sha256]
        self.identity.append(sorted(self._conditions))
        if request.kind == _LAYERS:
            self.identity += [subject.layer_basis, subject.layer_reference]

    async def measure(self, key: str) -> dict[str, Any]:
        """Renders and measures one condition."""
        return (await self._renderer.measure(self._conditions[key], self._subject)).to_json()

    async def finish(self, calibration_job: extract_pb2.CalibrationJob, results: Mapping[str, Any]) -> None:
        """Fits the safe range, or summarises the layer scan's renderings."""
        measured = {one: Measured.from_json(results[key]) for key, one in self._conditions.items()}
        taste_id = self._subject.taste_id
        own = await self._tastes.levels(await self._tastes.get(taste_id)) if taste_id else None
        if self.request.kind == _LAYERS:
            del calibration_job.renderings[:], calibration_job.layers[:]
            calibration_job.layers.extend(self._subject.layer_scores)
            calibration_job.layer_basis = self._subject.layer_basis
            calibration_job.renderings.extend(summarise_renderings(measured, own=own))
        else:
            calibration_job.calibration.CopyFrom(fit_safe_range(measured, own=own))
            calibration_job.calibration.create_time.GetCurrentTime()
            calibration_job.calibration.is_trial = self._is_trial

    async def put_in_force(self, calibration_job: extract_pb2.CalibrationJob) -> None:
        """Puts the calibration in force, unless it is a trial."""
        if calibration_job.HasField("calibration") and not self._is_trial:
            calibration_job.calibration.is_trial = False
            await self._ranges.put(self._subject, calibration_job.calibration)


class MeasurementPlanner:
    """Parses requests into plans."""

    def __init__(
        self,
        store: ObjectStore,
        concepts: ConceptStore,
        tastes: TasteStore,
        references: ReferenceStore,
        worker: ActivationWorker,
        renderer: Renderer,
    ) -> None:
        self._store = store
        self._concepts = concepts
        self._ranges = RangeStore(concepts, store)
        self._tastes = tastes
        self._references = references
        self._worker = worker
        self._renderer = renderer
        self._layers = LayerScanner(worker, store, references)

    async def plan(self, request: extract_pb2.StartCalibrationJobRequest) -> MeasurementPlan:
        """The plan of a request.

        Raises:
            InvalidInput: not exactly one subject is named, or a reference is asked for of too little music.
            NotFound: there is no such concept, taste or take.
            FailedPrecondition: the concept is not usable, or the music is another model's.
        """
        parsed = extract_pb2.StartCalibrationJobRequest()
        parsed.CopyFrom(request)
        parsed.kind = request.kind or extract_pb2.CALIBRATION_JOB_KIND_RANGE
        if parsed.kind == extract_pb2.CALIBRATION_JOB_KIND_REFERENCE:
            return await plan_reference(parsed, worker=self._worker, references=self._references, store=self._store)
        if parsed.music:
            raise invalid_field(
                "music",
                "NOT_READ",
                "only a reference calibration job reads music; this calibration job names a concept or a taste",
            )
        if bool(parsed.concept) == bool(parsed.taste_id):
            raise invalid_field("concept", "ONE_SUBJECT", "name a concept or a taste, and not both")
        subject = await (self._load_concept(parsed) if parsed.concept else self._load_taste(parsed))
        return RenderingPlan(parsed, subject, renderer=self._renderer, ranges=self._ranges, tastes=self._tastes)

    async def _load_concept(self, request: extract_pb2.StartCalibrationJobRequest) -> Subject:
        concept = await self._concepts.get_usable(request.concept)
        return Subject(
            concept=concept.name,
            taste_id="",
            direction=await self._load_direction(concept.vector_key),
            vector_sha256=concept.vector_sha256,
            best_layers=tuple(best_layers(concept.layers)) if request.kind == _LAYERS else (),
            layer_scores=tuple(concept.layers),
            layer_basis="held-out AUC of its pairs",
            natural_strength=concept.natural_strength,
            layer_gains=dict(concept.layer_gains),
            word_pairs=() if concept.music_pairs else _reading_pairs(concept.pairs),
        )

    async def _load_taste(self, request: extract_pb2.StartCalibrationJobRequest) -> Subject:
        taste = await self._tastes.get(request.taste_id)
        if taste.model_digest != self._worker.model.description.digest:
            raise FailedPrecondition(
                f"taste {request.taste_id} was made for another model; make it again", reason="MODEL_MISMATCH"
            )
        if not taste.vector_key:
            message = f"taste {request.taste_id} is words alone: there is no direction to calibrate"
            raise FailedPrecondition(message, reason="TASTE_IS_WORDS")
        scanned = await self._layers.scan(taste) if request.kind == _LAYERS else None
        return Subject(
            concept="",
            taste_id=request.taste_id,
            direction=await self._load_direction(taste.vector_key),
            vector_sha256=taste.vector_sha256,
            best_layers=scanned.best if scanned else (),
            layer_scores=scanned.scores if scanned else (),
            layer_basis=scanned.basis if scanned else "",
            layer_reference=scanned.reference if scanned else "",
        )

    async def _load_direction(self, key: str) -> Direction:
        return Direction.from_bytes((await self._store.get(key)).data)


def _reading_pairs(pairs: Sequence[extract_pb2.PromptPair]) -> tuple[tuple[str, str], ...]:
    return tuple((pair.positive, pair.negative) for pair in pairs[:READING_PAIRS_MAX])
