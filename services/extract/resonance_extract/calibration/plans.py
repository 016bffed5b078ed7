"""What a calibration job measures: its parts by key, how each is measured, and what all of them together say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from resonance.errors import DataLoss, FailedPrecondition, InvalidInput, NotFound, invalid_field
from resonance.ids import canonical_digest
from resonance.steering.direction import Direction
from resonance.store import ObjectStore
from resonance.store.keys import piece_key
from resonance.v1 import extract_pb2
from resonance_extract.activations.reference import PROMPTS as REFERENCE_PROMPTS
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.statistics import HeardPiece, Reference
from resonance_extract.activations.stored_music import StoredMusic, StoredPiece, load_pieces
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.calibration.layer_renderings import SCAN_STRENGTH, steering_forms, summarise_renderings
from resonance_extract.calibration.range_store import RangeStore
from resonance_extract.calibration.renderings import OTHER_SEED, Condition, Measured, Renderer, Subject
from resonance_extract.calibration.safe_range import fit_safe_range
from resonance_extract.concepts.store import ConceptStore, usable
from resonance_extract.directions.layer_scores import best_layers
from resonance_extract.tastes.layer_scan import TasteLayers
from resonance_extract.tastes.store import TasteStore

# Of a concept: in shares of its natural strength, at which the push is as large as its two sides differ. No farther than that: what lies
# beyond was measured to add little to the sound that is asked for and much to all else (docs/steering.md).
LADDER = (0.35, 0.7, 1.0)
# So many of a concept's pairs are asked what they hear in a rendering; each is two more readings of it.
READING_PAIRS_MAX = 3
# Of a taste, and of concepts that know no natural strength: the push accumulates over layers and guidance multiplies it, and on the
# embedded model half a unit already saturates (see docs/steering.md), so it is fine near zero.
STRENGTHS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
STRENGTH_MAX = 8.0
PROMPTS = ("calm piano music", "rock with drums and bass", "ambient synth", "jazz", "strings and flute", "techno")
CLIP_S = 4.0
REFERENCE_CLIP_S = 4.0
REFERENCE_PIECES_MIN = 4
REFERENCE_PIECES_MAX = 1000
_REFERENCE_SEED = 7


class MeasurementPlan(Protocol):
    """One calibration job's work. `keys` name its parts in their order; `identity` is everything that its result depends on."""

    @property
    def keys(self) -> list[str]: ...

    @property
    def identity(self) -> list[Any]: ...

    @property
    def is_usual(self) -> bool:
        """Whether its conditions are the usual ones; the result of others is a trial, unless the request has it applied."""
        ...

    async def measure(self, key: str) -> dict[str, Any]:
        """One part, as plain values."""
        ...

    async def finish(self, calibration_job: extract_pb2.CalibrationJob, cells: Mapping[str, Any]) -> None:
        """Writes the result into the calibration job."""
        ...

    async def put_in_force(self, calibration_job: extract_pb2.CalibrationJob) -> None:
        """Makes a finished calibration job's result what the product goes by, unless it is a trial."""
        ...


class RenderingPlan:
    """A calibration or a layer scan of a concept or taste: renderings through `generate`."""

    def __init__(
        self,
        request: extract_pb2.StartCalibrationJobRequest,
        subject: Subject,
        renderer: Renderer,
        ranges: RangeStore,
        tastes: TasteStore,
    ) -> None:
        self._kind = request.kind or extract_pb2.CALIBRATION_JOB_KIND_RANGE
        self._subject = subject
        self._renderer = renderer
        self._ranges = ranges
        self._tastes = tastes
        self._conditions = {one.key: one for one in _conditions_of(request, subject)}
        self._is_usual = self._conditions.keys() == {one.key for one in _usual_conditions(self._kind, subject)}
        self._is_trial = not (self._is_usual or request.apply)

    @property
    def keys(self) -> list[str]:
        return list(self._conditions)

    @property
    def identity(self) -> list[Any]:
        subject = self._subject
        asked = [self._kind, subject.concept, subject.taste_id, subject.vector_sha256, sorted(self._conditions)]
        is_scan = self._kind == extract_pb2.CALIBRATION_JOB_KIND_LAYERS
        return [*asked, subject.layer_basis, subject.layer_reference] if is_scan else asked

    @property
    def is_usual(self) -> bool:
        return self._is_usual

    async def measure(self, key: str) -> dict[str, Any]:
        return (await self._renderer.measured(self._conditions[key], self._subject)).to_json()

    async def finish(self, calibration_job: extract_pb2.CalibrationJob, cells: Mapping[str, Any]) -> None:
        measured = {one: Measured.from_json(cells[key]) for key, one in self._conditions.items()}
        taste_id = self._subject.taste_id
        own = await self._tastes.levels(await self._tastes.get(taste_id)) if taste_id else None
        if self._kind == extract_pb2.CALIBRATION_JOB_KIND_LAYERS:
            del calibration_job.renderings[:], calibration_job.layers[:]
            calibration_job.layers.extend(self._subject.layer_scores)
            calibration_job.layer_basis = self._subject.layer_basis
            calibration_job.renderings.extend(summarise_renderings(measured, own=own))
        else:
            calibration_job.calibration.CopyFrom(fit_safe_range(measured, own=own))
            calibration_job.calibration.create_time.GetCurrentTime()
            calibration_job.calibration.is_trial = self._is_trial

    async def put_in_force(self, calibration_job: extract_pb2.CalibrationJob) -> None:
        if calibration_job.HasField("calibration") and not self._is_trial:
            calibration_job.calibration.is_trial = False
            await self._ranges.put(self._subject, calibration_job.calibration)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Take:
    """A take of the model's own that a reference hears."""

    prompt: str
    clip_s: float

    @property
    def key(self) -> str:
        return canonical_digest(["take", asdict(self), _REFERENCE_SEED])


class ReferencePlan:
    """A model's reference statistics from the music it is given: stored pieces, and takes of prompts.

    What the layers say of a piece is an object of its own: at 48 layers it is too much for the calibration job's document.
    """

    def __init__(
        self,
        pieces: Sequence[StoredPiece],
        takes: Sequence[_Take],
        *,
        music: StoredMusic,
        ear: ActivationWorker,
        shelf: ReferenceStore,
        store: ObjectStore,
    ) -> None:
        parts: list[StoredPiece | _Take] = [*pieces, *takes]
        self._parts = {part.key[:24]: part for part in parts}
        self._music = music
        self._ear = ear
        self._shelf = shelf
        self._store = store

    @property
    def keys(self) -> list[str]:
        return list(self._parts)

    @property
    def identity(self) -> list[Any]:
        return [extract_pb2.CALIBRATION_JOB_KIND_REFERENCE, sorted(part.key for part in self._parts.values())]

    @property
    def is_usual(self) -> bool:
        return True

    async def measure(self, key: str) -> dict[str, Any]:
        object_key = self._object_key(key)
        return {
            "object_key": object_key,
            "sha256": await self._store.put(object_key, (await self._hear(key)).to_bytes()),
        }

    async def finish(self, calibration_job: extract_pb2.CalibrationJob, cells: Mapping[str, Any]) -> None:
        heard = [await self._heard(key) for key in self._parts]
        reference = Reference.of_pieces(
            np.stack([piece.mean for piece in heard]), np.stack([piece.variance for piece in heard])
        )
        calibration_job.reference.CopyFrom(
            await self._shelf.keep(reference, calibration_job_id=calibration_job.calibration_job_id)
        )

    async def put_in_force(self, calibration_job: extract_pb2.CalibrationJob) -> None:
        if calibration_job.HasField("reference"):
            await self._shelf.put_in_force(calibration_job.reference)

    async def _heard(self, key: str) -> HeardPiece:
        """What was heard of a part; heard once more where its object is gone or damaged."""
        try:
            return HeardPiece.from_bytes((await self._store.get(self._object_key(key))).data)
        except (NotFound, DataLoss):
            return await self._hear(key)

    async def _hear(self, key: str) -> HeardPiece:
        part = self._parts[key]
        if isinstance(part, StoredPiece):
            return await self._music.hear(part)
        ((codes, _),) = await self._ear.render([part.prompt], duration_s=part.clip_s, seed=_REFERENCE_SEED)
        return HeardPiece.of(await self._ear.codes(codes))

    def _object_key(self, key: str) -> str:
        return piece_key(canonical_digest(["piece", self._ear.model.description.digest, self._parts[key].key]))


class MeasurementPlanner:
    """Turns what was asked into a plan."""

    def __init__(
        self,
        store: ObjectStore,
        concepts: ConceptStore,
        tastes: TasteStore,
        shelf: ReferenceStore,
        ear: ActivationWorker,
        renderer: Renderer,
    ) -> None:
        self._store = store
        self._concepts = concepts
        self._ranges = RangeStore(concepts, store)
        self._tastes = tastes
        self._shelf = shelf
        self._ear = ear
        self._renderer = renderer
        self._model_digest = ear.model.description.digest
        self._layers = TasteLayers(ear, store, shelf)

    async def plan(self, request: extract_pb2.StartCalibrationJobRequest) -> MeasurementPlan:
        """The plan of a request.

        Raises:
            InvalidInput: not exactly one subject is named, or a reference is asked for of too little music.
            NotFound: there is no such concept, taste or take.
            FailedPrecondition: the concept is not usable, or the music is another model's.
        """
        if request.kind == extract_pb2.CALIBRATION_JOB_KIND_REFERENCE:
            return await self._reference(request)
        if request.music:
            raise invalid_field(
                "music",
                "NOT_READ",
                "is what a reference calibration job hears; this calibration job names a concept or a taste",
            )
        subject = await self._subject_of(request)
        return RenderingPlan(request, subject, self._renderer, self._ranges, self._tastes)

    async def _reference(self, request: extract_pb2.StartCalibrationJobRequest) -> ReferencePlan:
        if request.concept or request.taste_id or request.strengths:
            raise invalid_field(
                "music",
                "NO_SUBJECT",
                "a reference calibration job names its music in `music` and `prompts`, and no subject",
            )
        music = StoredMusic(self._ear, self._store)
        pieces = await load_pieces(music, request.music)
        prompts = list(request.prompts) or ([] if request.music else list(REFERENCE_PROMPTS))
        takes = [
            _Take(prompt=prompt, clip_s=max(1.0, request.clip_s or REFERENCE_CLIP_S))
            for prompt in dict.fromkeys(prompts)
        ]
        if not REFERENCE_PIECES_MIN <= len(pieces) + len(takes) <= REFERENCE_PIECES_MAX:
            raise InvalidInput(
                f"{len(pieces) + len(takes)} pieces are not varied music: a reference needs from {REFERENCE_PIECES_MIN} to "
                f"{REFERENCE_PIECES_MAX}",
                reason="TOO_LITTLE_MUSIC",
            )
        return ReferencePlan(pieces, takes, music=music, ear=self._ear, shelf=self._shelf, store=self._store)

    async def _subject_of(self, request: extract_pb2.StartCalibrationJobRequest) -> Subject:
        if bool(request.concept) == bool(request.taste_id):
            raise invalid_field("concept", "ONE_SUBJECT", "name a concept or a taste, and not both")
        if request.concept:
            concept = usable(await self._concepts.get(request.concept))
            return Subject(
                concept=concept.name,
                taste_id="",
                direction=await self._direction(concept.vector_key),
                vector_sha256=concept.vector_sha256,
                best_layers=tuple(best_layers(concept.layers)),
                layer_scores=tuple(concept.layers),
                layer_basis="held-out AUC of its pairs",
                natural_strength=concept.natural_strength,
                layer_gains=dict(concept.layer_gains),
                word_pairs=() if concept.music_pairs else _asked(concept.pairs),
            )
        taste = await self._tastes.get(request.taste_id)
        if taste.model_digest != self._model_digest:
            raise FailedPrecondition(
                f"taste {request.taste_id} was made for another model; make it again", reason="MODEL_MISMATCH"
            )
        if not taste.vector_key:
            message = f"taste {request.taste_id} is words alone: there is no direction to calibration job"
            raise FailedPrecondition(message, reason="TASTE_IS_WORDS")
        scanned = await self._layers.scan(taste) if request.kind == extract_pb2.CALIBRATION_JOB_KIND_LAYERS else None
        return Subject(
            concept="",
            taste_id=request.taste_id,
            direction=await self._direction(taste.vector_key),
            vector_sha256=taste.vector_sha256,
            best_layers=scanned.best if scanned else (),
            layer_scores=scanned.scores if scanned else (),
            layer_basis=scanned.basis if scanned else "",
            layer_reference=scanned.reference if scanned else "",
        )

    async def _direction(self, key: str) -> Direction:
        return Direction.from_bytes((await self._store.get(key)).data)


def _asked(pairs: Sequence[extract_pb2.PromptPair]) -> tuple[tuple[str, str], ...]:
    return tuple((pair.positive, pair.negative) for pair in pairs[:READING_PAIRS_MAX])


def strength_ladder(natural_strength: float) -> list[float]:
    """The ladder on both sides of zero, in rising order."""
    sizes = [share * natural_strength for share in LADDER] if natural_strength > 0 else list(STRENGTHS)
    capped = {STRENGTH_MAX if size > 0.9 * STRENGTH_MAX else round(size, 4) for size in sizes}
    up = sorted(capped - {0.0})
    return [*(-size for size in reversed(up)), *up]


def _conditions_of(request: extract_pb2.StartCalibrationJobRequest, subject: Subject) -> list[Condition]:
    """What is rendered, unsteered twins first of each prompt; a calibration also renders each prompt unsteered with another seed."""
    prompts, clip_s = list(request.prompts) or list(PROMPTS), max(1.0, request.clip_s) if request.clip_s else CLIP_S
    plain = [("all", 0.0)]
    if request.kind == extract_pb2.CALIBRATION_JOB_KIND_LAYERS:
        strengths, forms = list(request.strengths) or [-_scan(subject), _scan(subject)], steering_forms(subject)
    else:
        strengths, forms = list(request.strengths) or strength_ladder(subject.natural_strength), ["all"]
    steered = [(form, strength) for form in forms for strength in sorted({*strengths} - {0.0})]
    found = [
        Condition(prompt=prompt, strength=strength, clip_s=clip_s, form=form)
        for prompt in prompts
        for form, strength in [*plain, *steered]
    ]
    if request.kind == extract_pb2.CALIBRATION_JOB_KIND_LAYERS:
        return found
    return found + [Condition(prompt=prompt, strength=0.0, clip_s=clip_s, seed=OTHER_SEED) for prompt in prompts]


def _usual_conditions(kind: extract_pb2.CalibrationJobKind, subject: Subject) -> list[Condition]:
    return _conditions_of(extract_pb2.StartCalibrationJobRequest(kind=kind), subject)


def _scan(subject: Subject) -> float:
    return min(STRENGTH_MAX, subject.natural_strength) or SCAN_STRENGTH
