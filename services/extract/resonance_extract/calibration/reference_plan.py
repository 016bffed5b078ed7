"""Plan of a reference job: stored pieces and prompted takes.

Their statistics become the model's reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from resonance.errors import DataLoss, InvalidInput, NotFound, invalid_field
from resonance.ids import canonical_digest
from resonance.store import ObjectStore
from resonance.store.keys import piece_key
from resonance.v1 import extract_pb2
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.reference_takes import PROMPTS
from resonance_extract.activations.stored_music import StoredMusic, StoredPiece, load_pieces
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.directions.statistics import PieceStatistics, ReferenceStatistics

CLIP_S = 4.0
PIECES_MIN = 4
PIECES_MAX = 1000
_SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class _Take:
    """A take of the model's own that the reference reads."""

    prompt: str
    clip_s: float

    @property
    def key(self) -> str:
        return canonical_digest(["take", asdict(self), _SEED])


class ReferencePlan:
    """A model's reference statistics from stored pieces and takes of prompts.

    The statistics of a piece are an object of their own, because at 48 layers they are too large for the calibration job's document.
    """

    is_usual = True

    def __init__(
        self,
        request: extract_pb2.StartCalibrationJobRequest,
        parts: Sequence[StoredPiece | _Take],
        *,
        music: StoredMusic,
        worker: ActivationWorker,
        references: ReferenceStore,
        store: ObjectStore,
    ) -> None:
        self.request = request
        self._parts = {part.key[:24]: part for part in parts}
        self._music = music
        self._worker = worker
        self._references = references
        self._store = store
        self.keys = list(self._parts)
        self.identity: list[Any] = [request.kind, sorted(part.key for part in self._parts.values())]

    async def measure(self, key: str) -> dict[str, Any]:
        """Reads one piece and stores its statistics; returns where they are."""
        object_key, statistics = self._object_key(key), await self._read(key)
        return {"object_key": object_key, "sha256": await self._store.put(object_key, statistics.to_bytes())}

    async def finish(self, calibration_job: extract_pb2.CalibrationJob, results: Mapping[str, Any]) -> None:
        """Stores the reference of all pieces and writes its summary into the calibration job."""
        pieces = [await self._load_or_read(key) for key in self._parts]
        reference = ReferenceStatistics.of_pieces(
            np.stack([piece.mean for piece in pieces]), np.stack([piece.variance for piece in pieces])
        )
        # The direction of loudness is the model's, whatever music is given: tastes lose it under this reference too.
        reference = replace(reference, level=(await self._references.get()).level)
        summary = await self._references.keep(reference, calibration_job_id=calibration_job.calibration_job_id)
        calibration_job.reference.CopyFrom(summary)

    async def put_in_force(self, calibration_job: extract_pb2.CalibrationJob) -> None:
        """Makes the finished job's reference the model's."""
        if calibration_job.HasField("reference"):
            await self._references.put_in_force(calibration_job.reference)

    async def _load_or_read(self, key: str) -> PieceStatistics:
        """The stored statistics of a piece. It is read again where the object is gone or damaged."""
        try:
            return PieceStatistics.from_bytes((await self._store.get(self._object_key(key))).data)
        except (NotFound, DataLoss):
            return await self._read(key)

    async def _read(self, key: str) -> PieceStatistics:
        part = self._parts[key]
        if isinstance(part, StoredPiece):
            return await self._music.read(part)
        ((codes, _),) = await self._worker.generate([part.prompt], duration_s=part.clip_s, seed=_SEED)
        return await self._worker.read_piece(codes)

    def _object_key(self, key: str) -> str:
        return piece_key(canonical_digest(["piece", self._worker.model.description.digest, self._parts[key].key]))


async def plan_reference(
    request: extract_pb2.StartCalibrationJobRequest,
    *,
    worker: ActivationWorker,
    references: ReferenceStore,
    store: ObjectStore,
) -> ReferencePlan:
    """The plan of a reference job.

    Raises:
        InvalidInput: a subject is named, or there are too few or too many pieces.
        NotFound: there is no such taste or take.
        FailedPrecondition: the music is another model's.
    """
    if request.concept or request.taste_id or request.strengths:
        raise invalid_field(
            "music",
            "NO_SUBJECT",
            "a reference calibration job names its music in `music` and `prompts`, and no subject",
        )
    music = StoredMusic(worker, store)
    pieces = await load_pieces(music, request.music)
    prompts = list(request.prompts) or ([] if request.music else list(PROMPTS))
    takes = [_Take(prompt=prompt, clip_s=max(1.0, request.clip_s or CLIP_S)) for prompt in dict.fromkeys(prompts)]
    count = len(pieces) + len(takes)
    if not PIECES_MIN <= count <= PIECES_MAX:
        raise InvalidInput(
            f"{count} pieces are not varied music: a reference needs from {PIECES_MIN} to {PIECES_MAX}",
            reason="TOO_LITTLE_MUSIC",
        )
    return ReferencePlan(request, [*pieces, *takes], music=music, worker=worker, references=references, store=store)
