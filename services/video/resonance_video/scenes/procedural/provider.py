"""The embedded scene provider: starts a renderer child per scene and reads its progress."""

from __future__ import annotations

from pathlib import Path

from resonance_video.models import CharacterReference, SceneRequest, Style
from resonance_video.scenes.provider import Progress, SceneCapabilities, SceneFile, SceneReference


class ProceduralScenes:
    """Scenes that are drawn on this machine, without a model and without a key."""

    def capabilities(self) -> SceneCapabilities:
        """Abilities and limits."""
        raise NotImplementedError

    def prompt_digest(self, request: SceneRequest) -> str:
        """Hexadecimal SHA-256 of the request and the renderer's version."""
        raise NotImplementedError

    async def cast(self, character: CharacterReference, look: Style, folder: Path) -> SceneReference:
        """A picture of the figure in its locked colours."""
        raise NotImplementedError

    async def make(
        self,
        request: SceneRequest,
        references: tuple[SceneReference, ...],
        folder: Path,
        progress: Progress | None = None,
    ) -> SceneFile:
        """The scene as H.264 in MP4. Raises Unavailable with the reason LIBRARY_MISSING without libEGL and libGL."""
        raise NotImplementedError
