"""Planned video: the documents from which scenes are made, and the tasks that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resonance.errors import DataLoss, FailedPrecondition
from resonance.ids import canonical_digest
from resonance_video.directing import scene_request
from resonance_video.models import Aspect, SceneRequest, ShotPlan, SongMap, Treatment
from resonance_video.video_document import SceneRecord, ShotState, StoredFile, VideoDocument


class Stopped(FailedPrecondition):
    """The video was cancelled, or is gone: its making ends without a result."""

    default_reason = "VIDEO_STOPPED"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneTask:
    """One version of one shot's scene that is to be made."""

    shot_id: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedVideo:
    """The documents from which scenes are made."""

    document: VideoDocument
    song_map: SongMap
    treatment: Treatment
    plan: ShotPlan

    def request(self, shot: ShotState, version: int, aspect: Aspect) -> SceneRequest:
        """The request for one version's scene in one aspect. Raises Stopped where the plan has no such shot any more."""
        planned = next((one for one in self.plan.shots if one.id == shot.id), None)
        wanted = shot.version(version)
        if planned is None or wanted is None:
            raise Stopped(f"the plan has no shot {shot.id} any more")
        return scene_request(
            self.plan,
            planned,
            self.song_map,
            self.treatment,
            aspect=aspect,
            instruction=wanted.instruction,
            seed=wanted.seed,
        )


def read_song(document: VideoDocument) -> StoredFile:
    """The song of a video whose making has begun. Raises DataLoss where it is lost."""
    if document.song is None:
        raise DataLoss(f"video {document.video_id} has lost its song", reason="VIDEO_DAMAGED")
    return document.song


def find_shot(document: VideoDocument, task: SceneTask) -> ShotState:
    """The shot of a task. Raises Stopped where the plan has it no more."""
    shot = document.shot(task.shot_id)
    if shot is None or shot.version(task.version) is None:
        raise Stopped(f"the plan has no shot {task.shot_id} any more")
    return shot


def to_manifest(document: VideoDocument, scenes: Mapping[str, SceneRecord]) -> dict[str, object]:
    """What a film's marks say of its making."""
    return {
        "title": document.concept[:100],
        "concept": document.concept,
        "take_id": document.take_id,
        "seed": document.seed,
        "providers": sorted({scene.made_with for scene in scenes.values()}),
        "plan": document.plan_digest,
        "video": canonical_digest(document.video_id),
    }
