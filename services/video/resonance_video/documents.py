"""Video store: documents changed by compare-and-swap, lists, watches."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from pydantic import ValidationError

from resonance.completion import run_to_completion
from resonance.durable import Changes
from resonance.errors import Conflict, DataLoss, NotFound, Overloaded, ResonanceError, invalid_field
from resonance.identity import current_owner
from resonance.store import ObjectStore
from resonance.store.keys import (
    VIDEO_LIST,
    VIDEOS_OPEN,
    open_video_key,
    video_document_key,
    video_key,
    video_list_key,
    video_prefix,
    video_scene_key,
)
from resonance_video.video_document import SceneRecord, VideoDocument

_SWAPS_MAX = 100
_PAGE_SIZE = 50
_TOKEN = re.compile(r"\d{14}-[a-z0-9_-]{1,64}")
_log = structlog.get_logger("video")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPage:
    """Videos, newest first. `next_token` is empty on the last page."""

    videos: tuple[VideoDocument, ...]
    next_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenVideo:
    """Owner and id of a video that was being made when its marker was written."""

    owner: str
    video_id: str


class VideoStore:
    """Documents, lists and markers of videos.

    A document belongs to the current owner (`resonance.identity`). The marker `video-open/{owner}.{id}` is one list for all
    owners; it stands while the video is being made, so that a lost engine file costs nothing: the markers name what is submitted again.
    """

    def __init__(
        self,
        store: ObjectStore,
        changes: Changes,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._changes = changes
        self._clock_ms = clock_ms

    def now_ms(self) -> int:
        """The wall clock that stamps documents."""
        return self._clock_ms()

    async def add(self, document: VideoDocument, *, owner_max: int, all_max: int) -> VideoDocument:
        """Stores a new video, or returns the one that the same request made before.

        Raises:
            Overloaded: too many videos are being made.
            Conflict: another request used the id (REQUEST_ID_REUSED).
        """
        with suppress(NotFound):
            return _same_request(await self.get(document.video_id), document)
        await self._check_room(document.owner, owner_max, all_max)
        return await run_to_completion(self._add(document))

    async def _add(self, document: VideoDocument) -> VideoDocument:
        await self._store.put(video_list_key(document.created_ms, document.video_id), b"")
        await self._store.put(open_video_key(document.owner, document.video_id), b"")
        try:
            await self._store.create(video_key(document.video_id), document.model_dump_json().encode())
        except Conflict:
            before = await self.get(document.video_id)
            if before.created_ms != document.created_ms:
                await self._store.delete(video_list_key(document.created_ms, document.video_id))
            return _same_request(before, document)
        return document

    async def _check_room(self, owner: str, owner_max: int, all_max: int) -> None:
        markers = await self.open()
        own = sum(marker.owner == owner for marker in markers)
        if own >= owner_max or len(markers) >= all_max:
            whose = f"{own} videos of yours are" if own >= owner_max else f"{len(markers)} videos are"
            raise Overloaded(
                f"{whose} being made; try again when one is done", reason="VIDEOS_FULL", retry_after_s=30.0
            )

    async def get(self, video_id: str) -> VideoDocument:
        """The video. Raises NotFound (NO_SUCH_VIDEO), also for another owner's id, and DataLoss."""
        return (await self._read(video_id))[0]

    async def change(self, video_id: str, change: Callable[[VideoDocument], VideoDocument]) -> VideoDocument:
        """Applies a change to the current document, again after every conflict. Returns the new document.

        `change` may raise to refuse. A change that leaves the document as it is writes nothing.

        Raises:
            NotFound: there is no such video.
            Conflict: too many writers (VIDEO_CONTENDED).
        """
        for attempt in range(_SWAPS_MAX):
            before, version = await self._read(video_id)
            after = change(before)
            if after == before:
                return before
            after = after.model_copy(
                update={"revision": before.revision + 1, "updated_ms": max(self._clock_ms(), before.updated_ms)}
            )
            if after.is_open and not before.is_open:
                await self._store.put(open_video_key(after.owner, video_id), b"")
            try:
                await self._store.replace(video_key(video_id), after.model_dump_json().encode(), version=version)
            except Conflict:
                await asyncio.sleep(0.002 * attempt)
                continue
            if not after.is_open:
                await self._store.delete(open_video_key(after.owner, video_id))
            self._changes.announce(_name(video_id))
            return after
        raise Conflict(f"video {video_id} changes too fast", reason="VIDEO_CONTENDED")

    async def delete(self, document: VideoDocument) -> None:
        """Removes the video with all its files and markers."""
        await self._store.delete(video_key(document.video_id))
        await self._store.delete(open_video_key(document.owner, document.video_id))
        for key in [key async for key in self._store.keys(video_prefix(document.video_id))]:
            await self._store.delete(key)
        await self._store.delete(video_list_key(document.created_ms, document.video_id))
        self._changes.announce(_name(document.video_id))

    async def open(self) -> list[OpenVideo]:
        """The videos of all owners that are being made. One of them may have ended meanwhile."""
        return [_parse_marker(key) async for key in self._store.keys(VIDEOS_OPEN)]

    async def has_open(self) -> bool:
        """True where a video of any owner is being made."""
        return bool(await self.open())

    async def close_marker(self, marker: OpenVideo) -> None:
        """Removes the marker of a video that is gone or has ended."""
        await self._store.delete(open_video_key(marker.owner, marker.video_id))

    async def page(self, size: int, token: str) -> VideoPage:
        """One page of videos, newest first. Raises InvalidInput for a token that no page gave."""
        if token and not _TOKEN.fullmatch(token):
            raise invalid_field("page_token", "MALFORMED", "is not a token that this service gave")
        size = size or _PAGE_SIZE
        keys = [key async for key in self._store.keys(VIDEO_LIST) if key > f"{VIDEO_LIST}{token}"]
        found = [await self._find_readable(_parse_id(key)) for key in keys[:size]]
        next_token = keys[size - 1].removeprefix(VIDEO_LIST) if len(keys) > size else ""
        return VideoPage(videos=tuple(video for video in found if video is not None), next_token=next_token)

    async def watch(self, video_id: str, after_revision: int | None = None) -> AsyncGenerator[VideoDocument, None]:
        """The video now, or at its first revision after the given one, and at every change until nothing is being made.

        Changes of this process arrive at once, those of other replicas within a second. Raises NotFound when it is deleted.
        """
        seen = -1 if after_revision is None else after_revision
        with self._changes.watcher(_name(video_id), video_id) as watcher:
            while True:
                watcher.arm()
                document = await self.get(video_id)
                if document.revision > seen:
                    seen = document.revision
                    yield document
                if not document.is_open:
                    return
                await watcher.wait()

    async def put_text(self, video_id: str, digest: str, text: str) -> None:
        """Stores a song map, treatment or plan under its digest."""
        await self._store.put(video_document_key(video_id, digest), text.encode())

    async def get_text(self, video_id: str, digest: str) -> str:
        """The song map, treatment or plan of that digest. Raises NotFound and DataLoss."""
        return (await self._store.get(video_document_key(video_id, digest))).data.decode()

    async def put_scene(self, video_id: str, scene: SceneRecord) -> None:
        """Stores that a scene is finished; its files must be stored before."""
        await self._store.put(video_scene_key(video_id, scene.prompt_digest), scene.model_dump_json().encode())

    async def find_scene(self, video_id: str, prompt_digest: str) -> SceneRecord | None:
        """The finished scene of that digest; None where there is none, or where it is damaged and must be made again."""
        try:
            found = await self._store.get(video_scene_key(video_id, prompt_digest))
            return SceneRecord.model_validate_json(found.data)
        except (NotFound, DataLoss, ValidationError):
            return None

    async def _read(self, video_id: str) -> tuple[VideoDocument, str]:
        try:
            found = await self._store.get(video_key(video_id))
        except NotFound:
            raise NotFound(f"there is no video {video_id}", reason="NO_SUCH_VIDEO") from None
        try:
            return VideoDocument.model_validate_json(found.data), found.version
        except ValidationError as failure:
            raise DataLoss(f"video {video_id} cannot be read", reason="VIDEO_DAMAGED") from failure

    async def _find_readable(self, video_id: str) -> VideoDocument | None:
        try:
            return await self.get(video_id)
        except NotFound:
            return None
        except ResonanceError as failure:
            _log.error("a video is damaged", video=video_id, why=failure.message)
            return None


def _name(video_id: str) -> tuple[str, str]:
    return current_owner(), video_id


def _same_request(before: VideoDocument, asked: VideoDocument) -> VideoDocument:
    if before.request_digest != asked.request_digest:
        message = "this request_id was used for another request: choose a new one, or send the same request again"
        raise Conflict(message, reason="REQUEST_ID_REUSED")
    return before


def _parse_id(key: str) -> str:
    return key.removeprefix(VIDEO_LIST).partition("-")[2]


def _parse_marker(key: str) -> OpenVideo:
    owner, _, video_id = key.removeprefix(VIDEOS_OPEN).rpartition(".")
    return OpenVideo(owner=owner, video_id=video_id)
