"""Scenes by Google's models: `omni` makes clips, `stills` makes a picture over which the embedded camera moves."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
from pathlib import Path
from typing import Any

from resonance.errors import InvalidInput
from resonance.google.door import GoogleDoor, MediaAnswer
from resonance.google.prices import Kind
from resonance.google.spending import Spending
from resonance.ids import canonical_digest
from resonance_video.encoding import VideoCodec
from resonance_video.models import SHOT_S_MAX, SHOT_S_MIN, Aspect, CharacterReference, SceneRequest, Style
from resonance_video.scenes.finishing import finish_scene
from resonance_video.scenes.prompts import portrait_prompt, scene_prompt
from resonance_video.scenes.provider import Progress, SceneCapabilities, SceneFile, SceneReference

# Raised whenever equal requests would be asked for in other words, or finished otherwise.
VERSION = "1"
REFERENCES_MAX = 3
CLIP_S_MIN, CLIP_S_MAX = 3, 10
_ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}


class GoogleScenes:
    """What `omni` and `stills` share: references, calls, and the finishing of what came in a confined child."""

    name: str
    kind: Kind
    units_per_s: float
    references_max = REFERENCES_MAX
    has_seeds = False

    def __init__(
        self,
        door: GoogleDoor | None,
        spending: Spending,
        *,
        model: str,
        image_model: str,
        codec: VideoCodec = "h264",
    ) -> None:
        """`door` makes reference pictures; without one nothing may ask for them."""
        self._pictures = door
        self._prices = spending.prices
        self._model = model
        self._image_model = image_model
        self._codec: VideoCodec = codec

    def capabilities(self) -> SceneCapabilities:
        """Abilities and limits. The price is that of the operator's setting; 0 where none is set, and then nothing is made."""
        price = self._prices.usd.get(self.kind, 0.0)
        return SceneCapabilities(
            name=self.name,
            version=f"{self._model} {VERSION}",
            seconds_min=SHOT_S_MIN,
            seconds_max=SHOT_S_MAX,
            aspects=("9:16", "1:1", "16:9"),
            references_max=self.references_max,
            has_seeds=self.has_seeds,
            has_stills=True,
            price_per_s=price * self.units_per_s,
            is_local=False,
            renders_exactly=False,
        )

    def prompt_digest(self, request: SceneRequest) -> str:
        """Hexadecimal SHA-256 of the request, the model and the version."""
        return canonical_digest([self.name, self._model, VERSION, self._codec, request.model_dump(mode="json")])

    async def cast(self, character: CharacterReference, look: Style, folder: Path) -> SceneReference:
        """A reference picture by the image model. Raises what `GoogleDoor.make` raises."""
        assert self._pictures is not None, "nobody asks for a reference where none can be made"
        made = await self._pictures.make(
            self._image_model,
            portrait_prompt(character, look),
            response_format={"type": "image", "aspect_ratio": "9:16", "mime_type": "image/png"},
            kind=Kind.IMAGE,
            quantity=1.0,
        )
        path = folder / f"{character.id}{_ENDINGS.get(made.media_type, '.img')}"
        await asyncio.to_thread(path.write_bytes, made.data)
        return SceneReference(character_id=character.id, path=path, sha256=hashlib.sha256(made.data).hexdigest())

    async def make(
        self,
        request: SceneRequest,
        references: tuple[SceneReference, ...],
        folder: Path,
        progress: Progress | None = None,
    ) -> SceneFile:
        """The scene, fitted to its shot and encoded as ours are.

        Raises:
            InvalidInput: Google refuses the words, or the shot's length cannot be made.
            FailedPrecondition, Overloaded: there is no price, or a ceiling is reached.
            Unavailable, DeadlineExceeded: another try may succeed.
        """
        seconds = request.shot.frame_count / request.fps
        if not 0 < seconds <= SHOT_S_MAX + 1e-6:
            raise InvalidInput(
                f"the scene is {seconds:.2f} s long; at most {SHOT_S_MAX} s are made", reason="BAD_LENGTH"
            )
        wanted = await asyncio.to_thread(_contents, self._prompt(request), references)
        answer = await self._ask(request, wanted, seconds)
        return await finish_scene(
            request,
            answer.data,
            folder,
            digest=self.prompt_digest(request),
            is_clip=self.kind is not Kind.IMAGE,
            codec=self._codec,
            model=self._model,
            made_with=f"{self.name} {self._model}",
            cost=answer.cost_usd,
        )

    def _prompt(self, request: SceneRequest) -> str:
        raise NotImplementedError

    async def _ask(self, request: SceneRequest, wanted: list[dict[str, Any]], seconds: float) -> MediaAnswer:
        raise NotImplementedError


class InteractionScenes(GoogleScenes):
    """Scenes by one interaction each."""

    def __init__(self, door: GoogleDoor, *, model: str, image_model: str, codec: VideoCodec = "h264") -> None:
        super().__init__(door, door.spending, model=model, image_model=image_model, codec=codec)
        self._door = door


class OmniScenes(InteractionScenes):
    """Clips of 3 to 10 seconds; their sound is dropped."""

    name, kind, units_per_s = "omni", Kind.VIDEO_S, 1.0

    def _prompt(self, request: SceneRequest) -> str:
        return scene_prompt(request, is_moving=True)

    async def _ask(self, request: SceneRequest, wanted: list[dict[str, Any]], seconds: float) -> MediaAnswer:
        asked_s = min(max(math.ceil(seconds), CLIP_S_MIN), CLIP_S_MAX)
        form = {
            "type": "video",
            "aspect_ratio": clip_aspect(request.aspect),
            "duration": f"{asked_s}s",
            "resolution": "720p",
        }
        return await self._door.make(
            self._model,
            wanted,
            response_format=form,
            kind=self.kind,
            quantity=float(asked_s),
        )


class StillScenes(InteractionScenes):
    """One picture a shot, over which the camera moves as the plan says."""

    name, kind, units_per_s = "stills", Kind.IMAGE, 1.0 / SHOT_S_MAX

    def _prompt(self, request: SceneRequest) -> str:
        return scene_prompt(request, is_moving=False)

    async def _ask(self, request: SceneRequest, wanted: list[dict[str, Any]], seconds: float) -> MediaAnswer:
        form = {"type": "image", "aspect_ratio": request.aspect, "mime_type": "image/png"}
        return await self._door.make(
            self._model,
            wanted,
            response_format=form,
            kind=self.kind,
            quantity=1.0,
        )


def clip_aspect(aspect: Aspect) -> str:
    """The aspect that the model makes. A square picture is cropped from a wide one, which keeps the figure's head and feet."""
    return "16:9" if aspect == "1:1" else aspect


def _contents(prompt: str, references: tuple[SceneReference, ...]) -> list[dict[str, Any]]:
    """The contents of a request: the words, and the references as pictures."""
    types = {ending: media_type for media_type, ending in _ENDINGS.items()}
    pictures = [
        {
            "type": "image",
            "mime_type": types.get(reference.path.suffix, "image/png"),
            "data": base64.b64encode(reference.path.read_bytes()).decode(),
        }
        for reference in references[:REFERENCES_MAX]
    ]
    return [{"type": "text", "text": prompt}, *pictures]
