"""VideoService: the rpcs of videos."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import cast, get_args

from resonance.durable import Engine, Work
from resonance.errors import FailedPrecondition, NotFound, ResonanceError, Unavailable, invalid_field
from resonance.identity import acting_as, current_owner
from resonance.ids import canonical_digest, derive_job_id, new_request_id
from resonance.rpc import ServerContext
from resonance.rpc.heartbeats import with_heartbeats
from resonance.settings import Settings
from resonance.v1 import video_pb2, video_pb2_grpc
from resonance_video.assembly import captions_vtt, descriptions_vtt
from resonance_video.composing import to_stored_music, to_stored_narration
from resonance_video.documents import VideoStore
from resonance_video.files import VideoFiles
from resonance_video.making import VideoMaking
from resonance_video.messages import to_curves_message, to_file_message, to_provider_message, to_video_message
from resonance_video.models import SONG_S_MAX, Aspect, SceneStatus, ShotPlan
from resonance_video.plan_changes import ShotEdit, change_plan, check_shot, read_changes
from resonance_video.scenes.provider import SceneProvider
from resonance_video.scoring import ClipWatcher, steps_of_plan
from resonance_video.songs import Songs
from resonance_video.video_document import (
    StoredFile,
    VideoDocument,
    VideoState,
    add_version,
    choose_version,
    plan_shots,
)
from resonance_video.work import MAKE_VIDEO, TASK_QUEUE

_HEARTBEAT_S = 1.5  # a watcher receives a message at least every two seconds
_SEED_BITS = 31


class VideoService(video_pb2_grpc.VideoServiceServicer):
    """The servicer. It raises domain errors, which the server's interceptor maps to statuses."""

    def __init__(
        self,
        videos: VideoStore,
        files: VideoFiles,
        making: VideoMaking,
        songs: Songs,
        providers: Mapping[str, SceneProvider],
        clips: ClipWatcher,
        engine: Engine,
        settings: Settings,
    ) -> None:
        self._videos = videos
        self._files = files
        self._making = making
        self._songs = songs
        self._providers = providers
        self._clips = clips
        self._engine = engine
        self._settings = settings

    async def CreateVideo(  # noqa: N802
        self, request: video_pb2.CreateVideoRequest, context: ServerContext
    ) -> video_pb2.CreateVideoResponse:
        document = self._new_document(request)
        if request.take_id:
            take = await self._songs.check_take(request.take_id)
            if document.narration and take.HasField("narration"):
                message = (
                    f"this take is narrated already; name take {take.narration.take_request_id}, which it was made of"
                )
                raise FailedPrecondition(message, reason="NARRATED")
        elif request.upload_id:
            await self._songs.check_upload(request.upload_id)
        await self._engine.start()  # where there is no engine, nothing is accepted
        document = await self._videos.add(
            document, owner_max=self._settings.videos_open_max, all_max=self._settings.videos_queued_max
        )
        await self._submit(document)
        return video_pb2.CreateVideoResponse(video=await self._message(document))

    async def GetVideo(  # noqa: N802
        self, request: video_pb2.GetVideoRequest, context: ServerContext
    ) -> video_pb2.GetVideoResponse:
        return video_pb2.GetVideoResponse(video=await self._message(await self._videos.get(request.video_id)))

    async def ListVideos(  # noqa: N802
        self, request: video_pb2.ListVideosRequest, context: ServerContext
    ) -> video_pb2.ListVideosResponse:
        page = await self._videos.page(request.page_size, request.page_token)
        videos = [await self._message(document) for document in page.videos]
        return video_pb2.ListVideosResponse(videos=videos, next_page_token=page.next_token)

    async def WatchVideo(  # noqa: N802
        self, request: video_pb2.WatchVideoRequest, context: ServerContext
    ) -> AsyncIterator[video_pb2.WatchVideoResponse]:
        after = request.after_revision if request.HasField("after_revision") else None
        message: video_pb2.Video | None = None
        async with aclosing(self._videos.watch(request.video_id, after)) as states:
            async for document in with_heartbeats(states, _HEARTBEAT_S):
                is_unchanged = document is None
                if document is not None or message is None:
                    message = await self._message(document or await self._videos.get(request.video_id))
                yield video_pb2.WatchVideoResponse(video=message, is_unchanged=is_unchanged)

    async def CancelVideo(  # noqa: N802
        self, request: video_pb2.CancelVideoRequest, context: ServerContext
    ) -> video_pb2.CancelVideoResponse:
        return video_pb2.CancelVideoResponse(video=await self._message(await self._cancel(request.video_id)))

    async def DeleteVideo(  # noqa: N802
        self, request: video_pb2.DeleteVideoRequest, context: ServerContext
    ) -> video_pb2.DeleteVideoResponse:
        await self._videos.delete(await self._cancel(request.video_id))
        return video_pb2.DeleteVideoResponse()

    async def GetPlan(  # noqa: N802
        self, request: video_pb2.GetPlanRequest, context: ServerContext
    ) -> video_pb2.GetPlanResponse:
        planned = await self._making.read_planned(await self._videos.get(request.video_id))
        return video_pb2.GetPlanResponse(treatment_json=planned.treatment.to_json(), plan_json=planned.plan.to_json())

    async def UpdatePlan(  # noqa: N802
        self, request: video_pb2.UpdatePlanRequest, context: ServerContext
    ) -> video_pb2.UpdatePlanResponse:
        planned = await self._making.read_planned(await self._videos.get(request.video_id))
        edits = [
            ShotEdit(
                shot_id=shot.shot_id,
                changes=read_changes(shot.changes_json, f"shots[{index}].changes_json"),
                start_frame=shot.start_frame if shot.HasField("start_frame") else None,
            )
            for index, shot in enumerate(request.shots)
        ]
        for edit in edits:
            check_shot(planned.document, edit.shot_id)
        after = change_plan(planned, request.treatment_json, edits)
        for written in (after.treatment, after.plan):
            await self._videos.put_text(request.video_id, written.digest(), written.to_json())

        def apply(now: VideoDocument) -> VideoDocument:
            if now.plan_digest != planned.document.plan_digest:
                raise FailedPrecondition("the plan has changed meanwhile: read it again", reason="PLAN_CHANGED")
            return _alive(now).model_copy(
                update={
                    "treatment_digest": after.treatment.digest(),
                    "plan_digest": after.plan.digest(),
                    "shots": plan_shots(now, after.plan, after.changed),
                    "is_accepted": now.is_accepted or request.accept,
                    **_reopened(now, VideoState.DIRECTING if now.awaits_review else VideoState.SHOOTING),
                }
            )

        document = await self._change_and_submit(request.video_id, apply)
        return video_pb2.UpdatePlanResponse(
            video=await self._message(document), invalidated_shot_ids=sorted(after.changed)
        )

    async def RedoScene(  # noqa: N802
        self, request: video_pb2.RedoSceneRequest, context: ServerContext
    ) -> video_pb2.RedoSceneResponse:
        seed = request.seed if request.HasField("seed") else None

        def redo(now: VideoDocument) -> VideoDocument:
            check_shot(now, request.shot_id)
            shot = now.shot(request.shot_id)
            assert shot is not None
            frames = shot.chosen_version.frame_count
            again = add_version(shot, frame_count=frames, instruction=request.instruction, seed=seed)
            return _alive(now).with_shot(again).model_copy(update=_reopened(now, VideoState.SHOOTING))

        document = await self._change_and_submit(request.video_id, redo)
        changed = document.shot(request.shot_id)
        assert changed is not None
        return video_pb2.RedoSceneResponse(video=await self._message(document), version=changed.versions[-1].version)

    async def ChooseScene(  # noqa: N802
        self, request: video_pb2.ChooseSceneRequest, context: ServerContext
    ) -> video_pb2.ChooseSceneResponse:
        def choose(now: VideoDocument) -> VideoDocument:
            check_shot(now, request.shot_id)
            shot = now.shot(request.shot_id)
            assert shot is not None
            wanted = shot.version(request.version)
            if wanted is None:
                raise NotFound(f"shot {shot.id} has no version {request.version}", reason="NO_SUCH_VERSION")
            if wanted.status not in (SceneStatus.READY, SceneStatus.REPLACED):
                raise FailedPrecondition(f"version {request.version} is not ready", reason="NOT_READY")
            if wanted.frame_count != shot.chosen_version.frame_count:
                raise FailedPrecondition(
                    "that version is as long as the shot was before its cut moved", reason="OTHER_LENGTH"
                )
            if request.version == shot.chosen:
                return now
            again = _alive(now).with_shot(choose_version(shot, request.version))
            return again.model_copy(update=_reopened(now, VideoState.SHOOTING))

        return video_pb2.ChooseSceneResponse(
            video=await self._message(await self._change_and_submit(request.video_id, choose))
        )

    async def StreamVideo(  # noqa: N802
        self, request: video_pb2.StreamVideoRequest, context: ServerContext
    ) -> AsyncIterator[video_pb2.StreamVideoResponse]:
        document = await self._videos.get(request.video_id)
        aspect = cast(Aspect, request.aspect or document.aspects[0])
        stored = _find_file(document, aspect, request)
        kind = request.kind or video_pb2.VIDEO_FILE_KIND_MASTER
        yield video_pb2.StreamVideoResponse(started=to_file_message(stored, aspect, kind))
        end = request.end if request.HasField("end") else None
        async with aclosing(self._files.read(document.video_id, stored, request.start, end)) as blocks:
            async for block in blocks:
                yield video_pb2.StreamVideoResponse(data=block)

    async def GetVideoText(  # noqa: N802
        self, request: video_pb2.GetVideoTextRequest, context: ServerContext
    ) -> video_pb2.GetVideoTextResponse:
        document = await self._videos.get(request.video_id)
        planned = await self._making.read_planned(document)
        if request.kind == video_pb2.VIDEO_TEXT_KIND_DESCRIPTIONS:
            return video_pb2.GetVideoTextResponse(vtt=descriptions_vtt(planned.plan))
        return video_pb2.GetVideoTextResponse(vtt=captions_vtt(planned.song_map, title=document.concept[:100]))

    async def GetPictureCurves(  # noqa: N802
        self, request: video_pb2.GetPictureCurvesRequest, context: ServerContext
    ) -> video_pb2.GetPictureCurvesResponse:
        if bool(request.video_id) == bool(request.upload_id):
            raise invalid_field("video_id", "REQUIRED", "name a video or an upload: one of the two")
        if request.upload_id:
            curves = await self._clips.watch(request.upload_id)
        else:
            planned = await self._making.read_planned(await self._videos.get(request.video_id))
            curves = steps_of_plan(planned.plan)
        return to_curves_message(curves)

    async def GetVideoCapabilities(  # noqa: N802
        self, request: video_pb2.GetVideoCapabilitiesRequest, context: ServerContext
    ) -> video_pb2.GetVideoCapabilitiesResponse:
        return video_pb2.GetVideoCapabilitiesResponse(
            providers=[to_provider_message(provider.capabilities()) for provider in self._providers.values()],
            song_s_max=SONG_S_MAX,
            unavailable=self._engine.find_obstacle(),
        )

    async def submit_open(self) -> None:
        """Submits every open video to the engine again; those that the engine still knows are only told of it."""
        for marker in await self._videos.open():
            with acting_as(marker.owner):
                try:
                    document = await self._videos.get(marker.video_id)
                except NotFound:
                    await self._videos.close_marker(marker)
                    continue
                except ResonanceError:
                    continue
                if document.is_open:
                    await self._submit(document)
                else:
                    await self._videos.close_marker(marker)

    def _new_document(self, request: video_pb2.CreateVideoRequest) -> VideoDocument:
        if sum((bool(request.take_id), bool(request.upload_id), request.HasField("music"))) != 1:
            message = "name a take or an upload, or ask for music: one of the three"
            raise invalid_field("take_id", "REQUIRED", message)
        aspects = list(dict.fromkeys(request.aspects)) or ["9:16"]
        if unknown := set(aspects) - set(get_args(Aspect)):
            raise invalid_field("aspects", "UNKNOWN", f"{', '.join(sorted(unknown))} is none of 9:16, 1:1 and 16:9")
        provider = request.provider or next(iter(self._providers))
        if provider not in self._providers:
            raise invalid_field("provider", "UNKNOWN", f"there are {', '.join(self._providers)}")
        request_id = request.request_id or new_request_id()
        asked = video_pb2.CreateVideoRequest()
        asked.CopyFrom(request)
        asked.request_id = ""
        now_ms = self._videos.now_ms()
        return VideoDocument(
            video_id=derive_job_id(f"video.{request_id}", current_owner()).replace("t-", "v-", 1),
            owner=current_owner(),
            request_digest=canonical_digest(asked.SerializeToString(deterministic=True).hex()),
            created_ms=now_ms,
            updated_ms=now_ms,
            take_id=request.take_id,
            upload_id=request.upload_id,
            concept=request.concept,
            character=request.character,
            aspects=tuple(cast(list[Aspect], aspects)),
            review=request.review,
            seed=request.seed if request.HasField("seed") else secrets.randbits(_SEED_BITS),
            provider=provider,
            pcm_master=request.pcm_master,
            music=to_stored_music(request),
            narration=to_stored_narration(request),
        )

    async def _submit(self, document: VideoDocument) -> None:
        if not document.is_open:
            return
        await self._engine.submit(
            Work(
                kind=MAKE_VIDEO,
                work_id=document.video_id,
                owner=document.owner,
                task_queue=TASK_QUEUE,
                argument={
                    "video_id": document.video_id,
                    "owner": document.owner,
                    "aspects": ",".join(document.aspects),
                },
            )
        )

    async def _change_and_submit(
        self, video_id: str, change: Callable[[VideoDocument], VideoDocument]
    ) -> VideoDocument:
        await self._engine.start()
        document = await self._videos.change(video_id, change)
        await self._submit(document)
        return document

    async def _cancel(self, video_id: str) -> VideoDocument:
        """Marks the video as cancelled, so that nothing more is stored, and ends what is running."""

        def cancel(now: VideoDocument) -> VideoDocument:
            return now if now.state.is_at_rest else now.to_cancelled()

        before = await self._videos.get(video_id)
        document = await self._videos.change(video_id, cancel)
        if before.is_open:
            ended = await self._engine.cancel(video_id)
            if not ended:
                message = "the video is cancelled, and its last step is still ending; ask again"
                raise Unavailable(message, reason="STILL_ENDING", retry_after_s=1.0)
        return document

    async def _message(self, document: VideoDocument) -> video_pb2.Video:
        plan = None
        if document.plan_digest:
            plan = ShotPlan.from_json(await self._videos.get_text(document.video_id, document.plan_digest))
        return to_video_message(document, plan)


def _alive(document: VideoDocument) -> VideoDocument:
    if document.state == VideoState.CANCELLED:
        raise FailedPrecondition("this video was cancelled: make another one", reason="VIDEO_CANCELLED")
    return document


def _reopened(document: VideoDocument, state: VideoState) -> dict[str, object]:
    """The state from which the making goes on. A video that is at rest begins its progress anew."""
    progress = 0.15 if document.state.is_at_rest else document.progress
    return {"state": state, "progress": progress, "error": None}


def _find_file(document: VideoDocument, aspect: Aspect, request: video_pb2.StreamVideoRequest) -> StoredFile:
    """The file that is asked for. Raises NotFound, and FailedPrecondition (NOT_READY) where it is not made yet."""
    if aspect not in document.aspects:
        raise NotFound(f"this video has no aspect {aspect}", reason="NO_SUCH_ASPECT")
    is_still = request.kind == video_pb2.VIDEO_FILE_KIND_STILL
    is_described = request.kind == video_pb2.VIDEO_FILE_KIND_DESCRIBED
    if request.shot_id:
        check_shot(document, request.shot_id)
        shot = document.shot(request.shot_id)
        assert shot is not None
        version = shot.version(request.version or shot.chosen)
        if version is None:
            raise NotFound(f"shot {shot.id} has no version {request.version}", reason="NO_SUCH_VERSION")
        if (scene := version.scenes.get(aspect)) is None:
            raise FailedPrecondition("this scene is not made yet", reason="NOT_READY")
        return scene.still if is_still else scene.video
    if (film := document.films.get(aspect)) is None:
        raise FailedPrecondition("this video is not made yet", reason="NOT_READY")
    if is_still:
        return film.still
    if is_described:
        if film.described is None:
            message = "this video has no described version; its notices say why, and descriptions.vtt has the words"
            raise NotFound(message, reason="NO_DESCRIBED_VERSION")
        return film.described
    return film.share if request.kind == video_pb2.VIDEO_FILE_KIND_SHARE else film.master
