"""Video document: the stored state of one video, its shots and its files."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from resonance.errors import ResonanceError
from resonance.ids import canonical_digest
from resonance_video.models import Aspect, SceneStatus, ShotPlan


class VideoState(StrEnum):
    """State of a video, by the names of the proto's enum, in the order of the work."""

    UPLOADED = "UPLOADED"
    LISTENING = "LISTENING"
    WRITING = "WRITING"
    DIRECTING = "DIRECTING"
    CASTING = "CASTING"
    SHOOTING = "SHOOTING"
    ASSEMBLING = "ASSEMBLING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_at_rest(self) -> bool:
        """True where nothing is being made."""
        return self in (VideoState.COMPLETED, VideoState.FAILED, VideoState.CANCELLED)


class Stored(BaseModel):
    """Base of stored values. Fields that a newer version wrote are passed over, so that an older replica goes on."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Fault(Stored):
    """An error that is part of a result: a constant reason and a sentence."""

    reason: str
    message: str

    @classmethod
    def of(cls, error: ResonanceError) -> Fault:
        """The fault that an error was."""
        return cls(reason=error.reason, message=error.message)


class StoredFile(Stored):
    """A file of a video, kept in parts under its digest."""

    sha256: str
    byte_count: int
    media_type: str


class SceneRecord(Stored):
    """A finished scene under its `prompt_digest`."""

    prompt_digest: str
    video: StoredFile
    still: StoredFile
    made_with: str
    cost_usd: float


class SceneVersion(Stored):
    """One version of a shot's scene. `scenes` has the finished scene of each aspect; `frame_count` is the shot's length."""

    version: int
    status: SceneStatus = SceneStatus.WAITING
    instruction: str = ""
    seed: int = 0
    frame_count: int
    attempts: int = 0
    error: Fault | None = None
    provider: str
    scenes: dict[Aspect, SceneRecord] = {}


class ShotState(Stored):
    """A shot's versions, oldest first, and the one that is in the video."""

    id: str
    versions: tuple[SceneVersion, ...]
    chosen: int

    def version(self, number: int) -> SceneVersion | None:
        """The version of that number."""
        return next((one for one in self.versions if one.version == number), None)

    @property
    def chosen_version(self) -> SceneVersion:
        """The version that is in the video."""
        found = self.version(self.chosen)
        assert found is not None, "a chosen version exists"
        return found


class Film(Stored):
    """The finished files of one aspect, and the digest of what they were made from. `described` is None where no voice could be had."""

    inputs_digest: str
    master: StoredFile
    share: StoredFile
    still: StoredFile
    described: StoredFile | None = None
    notices: tuple[str, ...] = ()


class VideoDocument(Stored):
    """One video. Digests name the song map, the treatment and the plan; empty means that they are not written yet.

    `music` and `narration` are what is made before the song is listened to (JSON). `spent_usd` is all that was paid for it.
    """

    video_id: str
    owner: str
    request_digest: str
    created_ms: int
    updated_ms: int
    revision: int = 0
    state: VideoState = VideoState.UPLOADED
    progress: float = 0.0
    take_id: str = ""
    upload_id: str = ""
    concept: str
    character: str = ""
    aspects: tuple[Aspect, ...]
    review: bool = False
    is_accepted: bool = False
    seed: int
    provider: str
    pcm_master: bool = False
    music: str = ""
    narration: str = ""
    spent_usd: float = 0.0
    song: StoredFile | None = None
    known_digest: str = ""
    duration_s: float = 0.0
    map_digest: str = ""
    treatment_digest: str = ""
    plan_digest: str = ""
    plan_fps: int = 24
    shots: tuple[ShotState, ...] = ()
    films: dict[Aspect, Film] = {}
    error: Fault | None = None
    notices: tuple[str, ...] = ()

    @property
    def awaits_review(self) -> bool:
        """True where the plan is written and its owner has not accepted it."""
        return bool(self.plan_digest) and self.review and not self.is_accepted and self.state == VideoState.DIRECTING

    @property
    def is_open(self) -> bool:
        """True where something is being made or waits for its turn."""
        return not (self.state.is_at_rest or self.awaits_review)

    def shot(self, shot_id: str) -> ShotState | None:
        """The shot of that id."""
        return next((shot for shot in self.shots if shot.id == shot_id), None)

    def with_shot(self, changed: ShotState) -> VideoDocument:
        """The document with one shot replaced."""
        return self.model_copy(
            update={"shots": tuple(changed if shot.id == changed.id else shot for shot in self.shots)}
        )

    def chosen_scenes(self, aspect: Aspect) -> Mapping[str, SceneRecord] | None:
        """The finished scene of each shot in one aspect; None while one is missing."""
        found = {shot.id: shot.chosen_version.scenes.get(aspect) for shot in self.shots}
        whole = {shot_id: scene for shot_id, scene in found.items() if scene is not None}
        return whole if whole and len(whole) == len(found) else None

    def inputs_digest(self, aspect: Aspect) -> str:
        """The digest of all that a film of the aspect is made from; empty while a scene is missing."""
        scenes = self.chosen_scenes(aspect)
        if scenes is None or self.song is None:
            return ""
        digests = {shot_id: scene.video.sha256 for shot_id, scene in scenes.items()}
        return canonical_digest(
            {"plan": self.plan_digest, "scenes": digests, "song": self.song.sha256, "aspect": aspect}
        )

    def to_cancelled(self) -> VideoDocument:
        """The document of the cancelled video: versions that were being made wait, as if they had never begun."""
        shots = tuple(
            shot.model_copy(
                update={
                    "versions": tuple(
                        one.model_copy(update={"status": SceneStatus.WAITING})
                        if one.status == SceneStatus.MAKING
                        else one
                        for one in shot.versions
                    )
                }
            )
            for shot in self.shots
        )
        return self.model_copy(update={"state": VideoState.CANCELLED, "shots": shots})

    @property
    def is_whole(self) -> bool:
        """True where the film of every aspect is made from the chosen scenes."""
        return all(
            aspect in self.films and self.films[aspect].inputs_digest == self.inputs_digest(aspect) != ""
            for aspect in self.aspects
        )


def plan_shots(document: VideoDocument, plan: ShotPlan, changed: frozenset[str]) -> tuple[ShotState, ...]:
    """The shots of a plan. A shot that is new or among `changed` gets another version, which is chosen; the others keep theirs."""
    return tuple(_plan_shot(document, shot.id, shot.frame_count, shot.id in changed) for shot in plan.shots)


def _plan_shot(document: VideoDocument, shot_id: str, frame_count: int, is_changed: bool) -> ShotState:
    before = document.shot(shot_id)
    if before is None:
        first = SceneVersion(version=1, frame_count=frame_count, provider=document.provider)
        return ShotState(id=shot_id, versions=(first,), chosen=1)
    if not is_changed:
        return before
    kept = before.chosen_version
    return add_version(before, frame_count=frame_count, instruction=kept.instruction, seed=kept.seed)


def add_version(shot: ShotState, *, frame_count: int, instruction: str, seed: int | None) -> ShotState:
    """The shot with another version, which is chosen. Without a seed it gets one that no version has had."""
    number = shot.versions[-1].version + 1
    fresh = SceneVersion(
        version=number,
        instruction=instruction,
        seed=seed if seed is not None else max(version.seed for version in shot.versions) + 1,
        frame_count=frame_count,
        provider=shot.chosen_version.provider,
    )
    return choose_version(shot.model_copy(update={"versions": (*shot.versions, fresh)}), number)


def choose_version(shot: ShotState, number: int) -> ShotState:
    """The shot with another version chosen; the one before is told as replaced."""

    def told(version: SceneVersion) -> SceneVersion:
        if version.version == number and version.status == SceneStatus.REPLACED:
            return version.model_copy(update={"status": SceneStatus.READY})
        if version.version != number and version.status == SceneStatus.READY:
            return version.model_copy(update={"status": SceneStatus.REPLACED})
        return version

    return shot.model_copy(update={"versions": tuple(map(told, shot.versions)), "chosen": number})


def change_version(shot: ShotState, number: int, **changes: object) -> ShotState:
    """The shot with fields of one version changed."""
    versions = tuple(one.model_copy(update=changes) if one.version == number else one for one in shot.versions)
    return shot.model_copy(update={"versions": versions})
