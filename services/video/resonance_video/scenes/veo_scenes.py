"""Scenes by Veo, where the operator has a project of Vertex AI: clips of 4, 6 or 8 seconds, finished as those of Google's other models."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from resonance.errors import Unavailable
from resonance.google.door import GoogleDoor, MediaAnswer
from resonance.google.prices import Kind
from resonance.google.vertex import VertexDoor
from resonance_video.encoding import VideoCodec
from resonance_video.models import CharacterReference, SceneRequest, Style
from resonance_video.scenes.google_scenes import REFERENCES_MAX, GoogleScenes, clip_aspect
from resonance_video.scenes.prompts import scene_prompt
from resonance_video.scenes.provider import SceneReference

_SECONDS = (4, 6, 8)
# With reference pictures Veo makes clips of this length alone; the rest is cut off.
_SECONDS_WITH_REFERENCES = 8


class VeoScenes(GoogleScenes):
    """Clips. Reference pictures of persons are made where there is also a key of the Gemini API, and else none are used."""

    name, kind, units_per_s = "veo", Kind.VEO_S, 1.0
    has_seeds = True

    def __init__(
        self, vertex: VertexDoor, door: GoogleDoor | None, *, model: str, image_model: str, codec: VideoCodec = "h264"
    ) -> None:
        super().__init__(door, vertex.spending, model=model, image_model=image_model, codec=codec)
        self._vertex = vertex
        self.references_max = REFERENCES_MAX if door is not None else 0

    async def cast(self, character: CharacterReference, look: Style, folder: Path) -> SceneReference:
        """As the port says. Raises Unavailable (NO_REFERENCES) where there is no key of the Gemini API."""
        if not self.references_max:
            raise Unavailable("reference pictures need a key of the Gemini API", reason="NO_REFERENCES")
        return await super().cast(character, look, folder)

    def _prompt(self, request: SceneRequest) -> str:
        return scene_prompt(request, is_moving=True)

    async def _ask(self, request: SceneRequest, wanted: list[dict[str, Any]], seconds: float) -> MediaAnswer:
        pictures = [(base64.b64decode(one["data"]), str(one["mime_type"])) for one in wanted if one["type"] == "image"]
        fitting = next((one for one in _SECONDS if one >= seconds), _SECONDS[-1])
        return await self._vertex.make_clip(
            self._model,
            self._prompt(request),
            pictures,
            aspect=clip_aspect(request.aspect),
            seconds=_SECONDS_WITH_REFERENCES if pictures else fitting,
            seed=request.shot.staging.seed + request.seed,
            digest=self.prompt_digest(request),
        )
