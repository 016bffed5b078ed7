"""Steps of the making of a video, each of which may be repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

from resonance.audio.delivery.credentials import Credentials
from resonance.errors import FailedPrecondition, NotFound
from resonance.google.spending import spending_on
from resonance.workspace import Workspace
from resonance_video.assembly import AssembledVideo, assemble
from resonance_video.composing import Composed, Composer
from resonance_video.describing import Describer, describe_if_possible
from resonance_video.directing import direct
from resonance_video.documents import VideoStore
from resonance_video.encoding import VideoCodec
from resonance_video.files import VideoFiles
from resonance_video.listening import listen
from resonance_video.models import Aspect, KnownMusic, SceneStatus, ShotPlan, SongMap, Treatment
from resonance_video.planned import PlannedVideo, SceneTask, Stopped, find_shot, read_song, to_manifest
from resonance_video.scene_making import VIDEO_TYPE, SceneMaking
from resonance_video.scenes.provider import SceneProvider
from resonance_video.songs import Songs
from resonance_video.treatment import TreatmentWriter, read_concept
from resonance_video.video_document import (
    Fault,
    Film,
    SceneRecord,
    VideoDocument,
    VideoState,
    change_version,
    plan_shots,
)

QUICKTIME_TYPE = "video/quicktime"
# Shares of the progress at which each state begins.
_BEGINS = {
    VideoState.LISTENING: 0.01,
    VideoState.WRITING: 0.08,
    VideoState.DIRECTING: 0.1,
    VideoState.CASTING: 0.12,
    VideoState.SHOOTING: 0.15,
    VideoState.ASSEMBLING: 0.9,
}


Listen = Callable[..., Awaitable[SongMap]]
Assemble = Callable[..., Awaitable[AssembledVideo]]


class VideoMaking:
    """The steps. Each begins with what is stored, does what is missing, and writes it under its digest.

    A step that is repeated after a crash finds the finished scenes and films, and makes none of them again. Every method raises
    Stopped where the video has been cancelled or deleted.
    """

    def __init__(
        self,
        videos: VideoStore,
        files: VideoFiles,
        songs: Songs,
        providers: Mapping[str, SceneProvider],
        workspace: Workspace,
        *,
        composer: Composer | None = None,
        describer: Describer | None = None,
        writer: TreatmentWriter | None = None,
        codec: VideoCodec = "h264",
        credentials: Credentials | None = None,
        listen: Listen = listen,
        assemble: Assemble = assemble,
    ) -> None:
        self._videos = videos
        self._files = files
        self._songs = songs
        self._scenes = SceneMaking(videos, files, providers, workspace)
        self._workspace = workspace
        self._listen = listen
        self._composer = composer
        self._describer = describer
        self._writer = writer
        self._codec: VideoCodec = codec
        self._credentials = credentials
        self._assemble = assemble

    async def fetch_song(self, video_id: str) -> None:
        """Copies the song of the video into the video's own files, so that it outlives the take or the upload."""
        await self._reopen(video_id)
        document = await self._begin(video_id, VideoState.LISTENING)
        if document.song is not None:
            return
        composed = await self._compose(document)
        with self._workspace.folder(video_id) as folder:
            path = folder / "song"
            known = KnownMusic()
            if composed.take_id:
                known = await self._songs.write_take(composed.take_id, path)
            else:
                await self._songs.write_upload(document.upload_id, path)
            song = await self._files.put(
                video_id, path, "audio/wav" if composed.take_id else "application/octet-stream"
            )
        await self._videos.put_text(video_id, known.digest(), known.to_json())
        await self._change(
            video_id,
            lambda now: now.model_copy(
                update={
                    "song": song,
                    "known_digest": known.digest(),
                    "take_id": composed.take_id,
                    "spent_usd": round(now.spent_usd + composed.cost_usd, 9),
                    "notices": _joined(now.notices, composed.notices),
                }
            ),
        )

    async def _compose(self, document: VideoDocument) -> Composed:
        """The take of the video, made and narrated where that is asked for."""
        if self._composer is None or not (document.music or document.narration):
            return Composed(take_id=document.take_id, cost_usd=0.0, notices=())
        return await self._composer.compose(document.video_id, document.take_id, document.music, document.narration)

    @asynccontextmanager
    async def _paid(self, video_id: str) -> AsyncIterator[None]:
        """Counts what is spent within for the video, and adds it to the video's sum, also where it was spent in vain."""
        with spending_on(video_id) as account:
            try:
                yield
            finally:
                if account.usd:
                    with suppress(Stopped):
                        await self._change(
                            video_id,
                            lambda now: now.model_copy(update={"spent_usd": round(now.spent_usd + account.usd, 9)}),
                        )

    async def listen(self, video_id: str) -> None:
        """Writes the song map."""
        document = await self._begin(video_id, VideoState.LISTENING)
        if document.map_digest:
            return
        known = KnownMusic.from_json(await self._videos.get_text(video_id, document.known_digest))
        with self._workspace.folder(video_id) as folder:
            song = await self._files.fetch(video_id, read_song(document), folder / "song")
            song_map = await self._listen(song, known, folder=folder)
        digest = song_map.digest()
        await self._videos.put_text(video_id, digest, song_map.to_json())
        await self._change(
            video_id,
            lambda now: now.model_copy(
                update={
                    "map_digest": digest,
                    "duration_s": song_map.duration_s,
                    "notices": _joined(now.notices, song_map.notices),
                }
            ),
        )

    async def write(self, video_id: str) -> None:
        """Writes the treatment."""
        document = await self._begin(video_id, VideoState.WRITING)
        if document.treatment_digest:
            return
        known = KnownMusic.from_json(await self._videos.get_text(video_id, document.known_digest))
        song_map = SongMap.from_json(await self._videos.get_text(video_id, document.map_digest))
        treatment = read_concept(
            document.concept,
            song_map,
            taste_words=known.words,
            sliders=known.recipe[0][1] if known.recipe else None,
            seed=document.seed,
            character=document.character,
        )
        if self._writer is not None:
            async with self._paid(video_id):
                treatment = await self._writer.write(document.concept, treatment, song_map)
        unread = (f"not understood: {', '.join(treatment.unread)}",) if treatment.unread else ()
        digest = treatment.digest()
        await self._videos.put_text(video_id, digest, treatment.to_json())
        await self._change(
            video_id,
            lambda now: now.model_copy(
                update={
                    "treatment_digest": digest,
                    "notices": _joined(now.notices, (*treatment.notices, *unread)),
                }
            ),
        )

    async def plan(self, video_id: str) -> list[SceneTask]:
        """Writes the shot plan, and lists the scenes that are to be made: none where the plan waits for its owner."""
        document = await self._begin(video_id, VideoState.DIRECTING)
        if not document.plan_digest:
            song_map = SongMap.from_json(await self._videos.get_text(video_id, document.map_digest))
            treatment = Treatment.from_json(await self._videos.get_text(video_id, document.treatment_digest))
            plan = direct(song_map, treatment, aspects=document.aspects, seed=document.seed)
            digest = plan.digest()
            await self._videos.put_text(video_id, digest, plan.to_json())
            document = await self._change(
                video_id,
                lambda now: now.model_copy(
                    update={
                        "plan_digest": digest,
                        "plan_fps": plan.fps,
                        "shots": plan_shots(now, plan, frozenset(shot.id for shot in plan.shots)),
                    }
                ),
            )
        if document.awaits_review:
            return []
        await self._begin(video_id, VideoState.SHOOTING)
        missing = [
            shot
            for shot in document.shots
            if any(aspect not in shot.chosen_version.scenes for aspect in document.aspects)
        ]
        # The shortest scene is made first, because its owner waits to see one; the others follow in the order of the film.
        first = min(missing, key=lambda shot: shot.chosen_version.frame_count, default=None)
        return [
            SceneTask(shot_id=shot.id, version=shot.chosen)
            for shot in sorted(missing, key=lambda shot: shot is not first)
        ]

    async def make_scene(self, video_id: str, task: SceneTask, attempt: int) -> None:
        """Makes one version of a scene in every aspect of the video. Aspects that are finished are not made again."""
        document = await self._change_version(video_id, task, status=SceneStatus.MAKING, attempts=attempt, error=None)
        planned = await self.read_planned(document)
        shot = find_shot(document, task)
        for aspect in document.aspects:
            request = planned.request(shot, task.version, aspect)
            async with self._paid(video_id):
                scene, notice = await self._scenes.find_or_make(video_id, document.provider, request, attempt=attempt)
            document = await self._keep_scene(video_id, task, aspect, scene, notice)

    async def assemble(self, video_id: str, aspect: Aspect) -> None:
        """Joins the chosen scenes and the song into the film of one aspect. A film of the same scenes is not made again."""
        document = await self._begin(video_id, VideoState.ASSEMBLING)
        inputs, scenes = document.inputs_digest(aspect), document.chosen_scenes(aspect)
        film = document.films.get(aspect)
        if scenes is None or (film is not None and film.inputs_digest == inputs):
            return
        planned = await self.read_planned(document)
        with self._workspace.folder(video_id) as folder:
            song = await self._files.fetch(video_id, read_song(document), folder / "song")
            paths = {
                shot_id: await self._files.fetch(video_id, scene.video, folder / f"{shot_id}.mp4")
                for shot_id, scene in scenes.items()
            }
            spoken = await describe_if_possible(
                self._describer,
                planned.plan,
                folder,
                busy_s=[(one.start_s, one.end_s) for one in planned.song_map.words],
            )
            made = await self._assemble(
                planned.plan,
                paths,
                song,
                aspect,
                folder,
                manifest=to_manifest(document, scenes),
                credentials=self._credentials,
                spoken=spoken.summaries,
                is_pcm=document.pcm_master,
                codec=self._codec,
            )
            described = made.described
            master_type = QUICKTIME_TYPE if document.pcm_master else VIDEO_TYPE
            film = Film(
                inputs_digest=inputs,
                master=await self._files.put(video_id, made.master, master_type),
                share=await self._files.put(video_id, made.share, VIDEO_TYPE),
                still=scenes[planned.plan.shots[0].id].still,
                described=await self._files.put(video_id, described, VIDEO_TYPE) if described is not None else None,
                notices=(*made.notices, *spoken.notices),
            )
        await self._change(
            video_id,
            lambda now: now.model_copy(
                update={"films": {**now.films, aspect: film}, "notices": _joined(now.notices, film.notices)}
            ),
        )

    async def complete(self, video_id: str) -> bool:
        """True where the video is complete, or waits for its owner; False where a change since then leaves something to be made."""

        def finish(now: VideoDocument) -> VideoDocument:
            if not now.is_whole:
                return now
            return now.model_copy(update={"state": VideoState.COMPLETED, "progress": 1.0, "error": None})

        document = await self._change(video_id, finish)
        return document.state == VideoState.COMPLETED or document.awaits_review

    async def fail(self, video_id: str, fault: Fault) -> None:
        """Writes down that the video failed, where it is still being made."""
        with suppress(Stopped):
            await self._change(
                video_id, lambda now: now.model_copy(update={"state": VideoState.FAILED, "error": fault})
            )

    async def fail_scene(self, video_id: str, task: SceneTask, fault: Fault) -> None:
        """Writes down that one version of a scene failed for good."""
        with suppress(Stopped):
            await self._change_version(video_id, task, status=SceneStatus.FAILED, error=fault)

    async def cancel(self, video_id: str) -> None:
        """Writes down that the video was cancelled, where an operator did it through the engine."""
        with suppress(Stopped):
            await self._change(video_id, VideoDocument.to_cancelled)

    async def read_planned(self, document: VideoDocument) -> PlannedVideo:
        """The documents of a planned video. Raises FailedPrecondition (NO_PLAN) where the plan is not written yet."""
        if not document.plan_digest:
            raise FailedPrecondition("the plan of this video is not written yet", reason="NO_PLAN")
        return PlannedVideo(
            document=document,
            song_map=SongMap.from_json(await self._videos.get_text(document.video_id, document.map_digest)),
            treatment=Treatment.from_json(await self._videos.get_text(document.video_id, document.treatment_digest)),
            plan=ShotPlan.from_json(await self._videos.get_text(document.video_id, document.plan_digest)),
        )

    async def _keep_scene(
        self, video_id: str, task: SceneTask, aspect: Aspect, scene: SceneRecord, notice: str
    ) -> VideoDocument:
        def keep(now: VideoDocument) -> VideoDocument:
            shot = find_shot(now, task)
            version = shot.version(task.version)
            assert version is not None
            scenes = {**version.scenes, aspect: scene}
            is_ready = all(one in scenes for one in now.aspects)
            ready = SceneStatus.READY if shot.chosen == task.version else SceneStatus.REPLACED
            status = ready if is_ready else SceneStatus.MAKING
            now = now.with_shot(change_version(shot, task.version, scenes=scenes, status=status))
            notices = _joined(now.notices, (notice,) if notice else ())
            progress = max(now.progress, _shooting_progress(now))
            return now.model_copy(update={"progress": progress, "notices": notices})

        return await self._change(video_id, keep)

    async def _change_version(self, video_id: str, task: SceneTask, **changes: object) -> VideoDocument:
        return await self._change(
            video_id, lambda now: now.with_shot(change_version(find_shot(now, task), task.version, **changes))
        )

    async def _reopen(self, video_id: str) -> None:
        """Lets a failed video begin again: an operator runs its work once more."""

        def reopen(now: VideoDocument) -> VideoDocument:
            if now.state != VideoState.FAILED:
                return now
            return now.model_copy(update={"state": VideoState.LISTENING, "progress": 0.0, "error": None})

        with suppress(NotFound):
            await self._videos.change(video_id, reopen)

    async def _begin(self, video_id: str, state: VideoState) -> VideoDocument:
        """Moves the video on to a state. A repeated step does not move it back."""

        def move(now: VideoDocument) -> VideoDocument:
            order = list(VideoState)
            later = max(now.state, state, key=order.index)
            return now.model_copy(update={"state": later, "progress": max(now.progress, _BEGINS.get(later, 0.0))})

        return await self._change(video_id, move)

    async def _change(self, video_id: str, change: Callable[[VideoDocument], VideoDocument]) -> VideoDocument:
        def checked(now: VideoDocument) -> VideoDocument:
            if now.state.is_at_rest:
                raise Stopped(f"video {video_id} is {now.state.lower()}")
            return change(now)

        try:
            return await self._videos.change(video_id, checked)
        except NotFound:
            raise Stopped(f"video {video_id} is gone") from None


def _shooting_progress(document: VideoDocument) -> float:
    wanted = len(document.shots) * len(document.aspects)
    done = sum(len(shot.chosen_version.scenes) for shot in document.shots)
    begins, ends = _BEGINS[VideoState.SHOOTING], _BEGINS[VideoState.ASSEMBLING]
    return begins + (ends - begins) * done / max(1, wanted)


def _joined(before: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return (*before, *(notice for notice in more if notice not in before))
