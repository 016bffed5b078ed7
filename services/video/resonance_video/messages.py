"""Video documents as protobuf messages."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from resonance.v1 import jobs_pb2, video_pb2
from resonance_video.models import ShotPlan
from resonance_video.scenes.provider import SceneCapabilities
from resonance_video.scoring import PictureCurves
from resonance_video.video_document import Fault, SceneVersion, ShotState, StoredFile, VideoDocument


def to_video_message(document: VideoDocument, plan: ShotPlan | None) -> video_pb2.Video:
    """The video as it stands. `plan` gives its shots their times and summaries; without one the shots are left out."""
    return video_pb2.Video(
        video_id=document.video_id,
        state=f"VIDEO_STATE_{document.state}",
        progress=document.progress,
        take_id=document.take_id,
        upload_id=document.upload_id,
        concept=document.concept,
        character=document.character,
        aspects=document.aspects,
        review=document.review,
        seed=document.seed,
        provider=document.provider,
        awaits_review=document.awaits_review,
        duration_s=document.duration_s,
        shots=_shots(document, plan) if plan is not None else (),
        files=_files(document),
        error=_fault(document.error),
        notices=document.notices,
        create_time=_to_timestamp(document.created_ms),
        update_time=_to_timestamp(document.updated_ms),
        revision=document.revision,
        pcm_master=document.pcm_master,
        cost_usd=document.spent_usd,
    )


def to_file_message(stored: StoredFile, aspect: str, kind: int) -> video_pb2.VideoFile:
    """One file."""
    message = video_pb2.VideoFile(
        aspect=aspect, sha256=stored.sha256, byte_count=stored.byte_count, media_type=stored.media_type
    )
    message.kind = kind  # type: ignore[assignment]
    return message


def to_provider_message(provider: SceneCapabilities) -> video_pb2.SceneProviderInfo:
    """One provider of scenes."""
    return video_pb2.SceneProviderInfo(
        name=provider.name,
        version=provider.version,
        aspects=provider.aspects,
        seconds_max=provider.seconds_max,
        price_usd_per_s=provider.price_per_s,
        is_local=provider.is_local,
    )


def to_curves_message(curves: PictureCurves) -> video_pb2.GetPictureCurvesResponse:
    """The curves of a picture."""
    return video_pb2.GetPictureCurvesResponse(
        duration_s=curves.duration_s,
        steps=[
            video_pb2.PictureStep(start_s=step.start_s, energy=step.energy, density=step.density)
            for step in curves.steps
        ],
        notices=curves.notices,
    )


def _shots(document: VideoDocument, plan: ShotPlan) -> list[video_pb2.VideoShot]:
    states = {shot.id: shot for shot in document.shots}
    return [
        video_pb2.VideoShot(
            id=shot.id,
            start_s=shot.start_frame / plan.fps,
            end_s=shot.end_frame / plan.fps,
            purpose=shot.purpose.value,
            summary=shot.summary,
            versions=_versions(document, states[shot.id]),
            chosen=states[shot.id].chosen,
        )
        for shot in plan.shots
        if shot.id in states
    ]


def _versions(document: VideoDocument, shot: ShotState) -> list[video_pb2.SceneVersion]:
    return [_version(document, version) for version in shot.versions]


def _version(document: VideoDocument, version: SceneVersion) -> video_pb2.SceneVersion:
    first = version.scenes.get(document.aspects[0])
    return video_pb2.SceneVersion(
        version=version.version,
        status=f"SCENE_STATUS_{version.status.name}",
        sha256=first.video.sha256 if first else "",
        instruction=version.instruction,
        seed=version.seed,
        attempts=version.attempts,
        error=_fault(version.error),
        provider=version.provider,
        made_with=first.made_with if first else "",
        cost_usd=sum(scene.cost_usd for scene in version.scenes.values()),
    )


def _files(document: VideoDocument) -> list[video_pb2.VideoFile]:
    return [
        to_file_message(stored, aspect, kind)
        for aspect, film in document.films.items()
        for kind, stored in (
            (video_pb2.VIDEO_FILE_KIND_MASTER, film.master),
            (video_pb2.VIDEO_FILE_KIND_SHARE, film.share),
            (video_pb2.VIDEO_FILE_KIND_STILL, film.still),
            (video_pb2.VIDEO_FILE_KIND_DESCRIBED, film.described),
        )
        if stored is not None
    ]


def _fault(fault: Fault | None) -> jobs_pb2.Fault | None:
    return jobs_pb2.Fault(reason=fault.reason, message=fault.message) if fault is not None else None


def _to_timestamp(ms: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromMilliseconds(ms)
    return stamp
