"""Videos of a client: create, follow, download."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from resonance.errors import DataLoss, NotFound, ResonanceError
from resonance.ids import new_request_id
from resonance.rpc.calls import stream_call, unary_call, watched
from resonance.v1 import generate_pb2, ingest_pb2, video_pb2

OnVideo = Callable[[video_pb2.Video], None]
_PART_BYTES = 1024 * 1024


class VideoCalls:
    """Calls of VideoService, and the upload of a song of one's own. Every method raises the domain errors of `resonance.errors`."""

    def __init__(self, video: Any, ingest: Any) -> None:
        """`video` and `ingest` are the services' stubs."""
        self._video = video
        self._ingest = ingest

    async def make(
        self,
        take_id: str,
        concept: str,
        *,
        song: Path | None = None,
        aspects: Sequence[str] = ("9:16",),
        character: str = "",
        seed: int | None = None,
        provider: str = "",
        music: generate_pb2.GenerateRequest | None = None,
        narration: video_pb2.VideoNarration | None = None,
        pcm_master: bool = False,
        request_id: str = "",
        on_change: OnVideo | None = None,
    ) -> video_pb2.Video:
        """Makes a video of a take, of the file `song`, or of `music` that is made for it (`take_id` is then empty), and waits for it.

        A `narration` is spoken over the take first.

        The making goes on where the client disconnects; the same `request_id` finds it again.

        Raises:
            ResonanceError: the video failed, with its own reason, or was cancelled.
        """
        request = video_pb2.CreateVideoRequest(
            request_id=request_id or new_request_id(),
            take_id=take_id,
            upload_id=await self._upload(song) if song is not None else "",
            concept=concept,
            aspects=aspects,
            character=character,
            seed=seed,
            provider=provider,
            music=music,
            narration=narration,
            pcm_master=pcm_master,
        )
        video = (await unary_call(self._video.CreateVideo(request), service="video")).video
        return await self.wait(video.video_id, on_change=on_change)

    async def redo(
        self, video_id: str, shot_id: str, instruction: str = "", *, on_change: OnVideo | None = None
    ) -> video_pb2.Video:
        """Makes another version of one scene and waits for the video."""
        request = video_pb2.RedoSceneRequest(video_id=video_id, shot_id=shot_id, instruction=instruction)
        await unary_call(self._video.RedoScene(request), service="video")
        return await self.wait(video_id, on_change=on_change)

    async def wait(self, video_id: str, *, on_change: OnVideo | None = None) -> video_pb2.Video:
        """Watches a video until nothing is being made. Raises ResonanceError as `make`."""
        video, watch = video_pb2.Video(), video_pb2.WatchVideoRequest(video_id=video_id)
        async for response in watched(lambda: self._video.WatchVideo(watch)):
            video = response.video
            if on_change is not None and not response.is_unchanged:
                on_change(video)
        if video.state in (video_pb2.VIDEO_STATE_FAILED, video_pb2.VIDEO_STATE_CANCELLED):
            message = video.error.message or "the video was cancelled"
            raise ResonanceError(message, reason=video.error.reason or "CANCELLED")
        return video

    async def picture_curves(
        self, video_id: str = "", *, clip: Path | None = None
    ) -> video_pb2.GetPictureCurvesResponse:
        """Slider positions over time that fit the plan of a video, or the file `clip`, for `follow_picture`."""
        upload_id = await self._upload(clip) if clip is not None else ""
        request = video_pb2.GetPictureCurvesRequest(video_id=video_id, upload_id=upload_id)
        curves: video_pb2.GetPictureCurvesResponse = await unary_call(
            self._video.GetPictureCurves(request), service="video"
        )
        return curves

    async def save(
        self, video_id: str, out: Path, *, aspect: str = "", share: bool = False, described: bool = False
    ) -> video_pb2.VideoFile:
        """Writes the film of one aspect into a file: with the song's own samples, with `share` as AAC, or the `described` version.

        Raises:
            DataLoss: the bytes are not the ones that were sent; nothing is left at `out`.
        """
        kind = video_pb2.VIDEO_FILE_KIND_SHARE if share else video_pb2.VIDEO_FILE_KIND_MASTER
        kind = video_pb2.VIDEO_FILE_KIND_DESCRIBED if described else kind
        request = video_pb2.StreamVideoRequest(video_id=video_id, aspect=aspect, kind=kind)
        file_sent, digest = video_pb2.VideoFile(), hashlib.sha256()
        partial = out.with_name(f"{out.name}.part")
        try:
            with partial.open("wb") as file:
                async with aclosing(stream_call(self._video.StreamVideo(request), service="video")) as responses:
                    async for response in responses:
                        if response.HasField("started"):
                            file_sent = response.started
                            continue
                        digest.update(response.data)
                        await asyncio.to_thread(file.write, response.data)
            if digest.hexdigest() != file_sent.sha256:
                raise DataLoss("the video was not received as it was made; ask again", reason="STREAM_DAMAGED")
            await asyncio.to_thread(partial.replace, out)
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)
        return file_sent

    async def _upload(self, song: Path) -> str:
        if not await asyncio.to_thread(song.is_file):
            raise NotFound(f"{song} is not a file", reason="NO_SUCH_FILE")
        byte_count = (await asyncio.to_thread(song.stat)).st_size
        opening = ingest_pb2.OpenUploadRequest(filename=song.name[-255:], byte_count=byte_count)
        upload_id: str = (await unary_call(self._ingest.OpenUpload(opening), service="ingest")).upload.upload_id
        await unary_call(self._ingest.WriteUpload(_parts(song, upload_id)), service="ingest")
        return upload_id


async def _parts(song: Path, upload_id: str) -> AsyncIterator[ingest_pb2.WriteUploadRequest]:
    yield ingest_pb2.WriteUploadRequest(position=ingest_pb2.UploadPosition(upload_id=upload_id, offset=0))
    with song.open("rb") as file:
        while part := await asyncio.to_thread(file.read, _PART_BYTES):
            yield ingest_pb2.WriteUploadRequest(data=part)
