"""Making of single scenes: found under their digest, or made by their provider and stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from weakref import WeakValueDictionary

from resonance.errors import DeadlineExceeded, ResonanceError, Unavailable, Unsupported
from resonance.google.spending import spending_on
from resonance.ids import canonical_digest
from resonance.workspace import Workspace
from resonance_video.documents import VideoStore
from resonance_video.files import VideoFiles
from resonance_video.models import CharacterReference, SceneRequest
from resonance_video.scenes.provider import SceneFile, SceneProvider, SceneReference
from resonance_video.video_document import SceneRecord

# Tries of a provider of elsewhere before the embedded one takes its place.
ATTEMPTS_MAX = 6
VIDEO_TYPE, STILL_TYPE = "video/mp4", "image/png"


class SceneMaking:
    """Scenes of all videos. A scene whose request is known is not made again."""

    def __init__(
        self, videos: VideoStore, files: VideoFiles, providers: Mapping[str, SceneProvider], workspace: Workspace
    ) -> None:
        self._videos = videos
        self._files = files
        self._providers = providers
        self._workspace = workspace
        self._casting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def find_or_make(
        self, video_id: str, provider_name: str, request: SceneRequest, *, attempt: int
    ) -> tuple[SceneRecord, str]:
        """The finished scene of a request, and a notice where another provider had to make it.

        Another provider that refuses, or has failed ATTEMPTS_MAX times, is replaced by the embedded one: ten good scenes do not
        wait for the eleventh. Raises what the provider's `make` raises.
        """
        provider = self._providers[provider_name]
        try:
            with spending_on(video_id):
                return await self._find_or_make_with(provider, video_id, request), ""
        except ResonanceError as failure:
            is_final = not isinstance(failure, Unavailable | DeadlineExceeded) and failure.reason != "GOOGLE_BUSY"
            embedded = next((one for one in self._providers.values() if one.capabilities().is_local), None)
            is_embedded = embedded is None or provider is embedded
            if embedded is None or is_embedded or not (is_final or attempt >= ATTEMPTS_MAX):
                raise
            notice = f"{request.shot.id} is drawn by the embedded provider: {failure.message}"
        return await self._find_or_make_with(embedded, video_id, request), notice[:400]

    async def _find_or_make_with(self, provider: SceneProvider, video_id: str, request: SceneRequest) -> SceneRecord:
        digest = provider.prompt_digest(request)
        found = await self._videos.find_scene(video_id, digest)
        if found is not None and await self._files.is_there(video_id, found.video):
            return found
        with self._workspace.folder(video_id) as folder:
            references = await self._cast(provider, video_id, request, folder)
            made = await self._make_here(provider, request, references, folder)
            scene = SceneRecord(
                prompt_digest=digest,
                video=await self._files.put(video_id, made.video, VIDEO_TYPE),
                still=await self._files.put(video_id, made.still, STILL_TYPE),
                made_with=made.made_with,
                cost_usd=made.cost,
            )
        await self._videos.put_scene(video_id, scene)
        return scene

    async def _make_here(
        self, provider: SceneProvider, request: SceneRequest, references: tuple[SceneReference, ...], folder: Path
    ) -> SceneFile:
        """The scene of a provider. What this machine lacks for good is told as such, and not tried again."""
        try:
            return await provider.make(request, references, folder)
        except Unavailable as failure:
            if failure.reason == "LIBRARY_MISSING":
                raise Unsupported(failure.message, reason=failure.reason) from failure
            raise

    async def _cast(
        self, provider: SceneProvider, video_id: str, request: SceneRequest, folder: Path
    ) -> tuple[SceneReference, ...]:
        """References for providers that look at them, made once a video; the embedded one draws from the description alone."""
        if not provider.capabilities().references_max:
            return ()
        return tuple([await self._find_or_cast(provider, video_id, one, request, folder) for one in request.characters])

    async def _find_or_cast(
        self, provider: SceneProvider, video_id: str, character: CharacterReference, request: SceneRequest, folder: Path
    ) -> SceneReference:
        """The stored reference of a character, or a new one. Scenes of one video take turns here, so that it is paid for once."""
        capabilities = provider.capabilities()
        digest = canonical_digest(
            ["cast", capabilities.name, capabilities.version, character.digest(), request.style.digest()]
        )
        async with self._casting.setdefault(video_id, asyncio.Lock()):
            found = await self._videos.find_scene(video_id, digest)
            path = folder / f"{character.id}.png"
            if found is not None and await self._files.is_there(video_id, found.still):
                await self._files.fetch(video_id, found.still, path)
                return SceneReference(character_id=character.id, path=path, sha256=found.still.sha256)
            made = await provider.cast(character, request.style, folder)
            stored = await self._files.put(video_id, made.path, STILL_TYPE)
            record = SceneRecord(
                prompt_digest=digest, video=stored, still=stored, made_with=capabilities.version, cost_usd=0.0
            )
            await self._videos.put_scene(video_id, record)
            return made
