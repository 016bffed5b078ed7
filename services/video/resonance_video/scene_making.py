"""Making of single scenes: found under their digest, or made by their provider and stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from resonance.errors import Unavailable, Unsupported
from resonance.workspace import Workspace
from resonance_video.documents import VideoStore
from resonance_video.files import VideoFiles
from resonance_video.models import SceneRequest
from resonance_video.scenes.provider import SceneFile, SceneProvider, SceneReference
from resonance_video.video_document import SceneRecord

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

    async def find_or_make(self, video_id: str, provider_name: str, request: SceneRequest) -> SceneRecord:
        """The finished scene of a request. Raises what the provider's `make` raises."""
        provider = self._providers[provider_name]
        digest = provider.prompt_digest(request)
        found = await self._videos.find_scene(video_id, digest)
        if found is not None and await self._files.is_there(video_id, found.video):
            return found
        with self._workspace.folder(video_id) as folder:
            references = await self._cast(provider, request, folder)
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

    async def _cast(self, provider: SceneProvider, request: SceneRequest, folder: Path) -> tuple[SceneReference, ...]:
        """References for providers that look at them; the embedded one draws from the description alone."""
        if not provider.capabilities().references_max:
            return ()
        return tuple([await provider.cast(character, request.style, folder) for character in request.characters])
