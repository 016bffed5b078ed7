"""Scenes by a pipeline of diffusers that lies in a folder of this machine: a picture a shot, over which the embedded camera moves.

Nothing is downloaded: the operator names the folder, and the interpreter that has diffusers and torch. Neither is imported here.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import sys
import tempfile
from pathlib import Path

from resonance.audio import confinement
from resonance.audio.sandbox import run_child
from resonance.errors import DeadlineExceeded, InvalidInput, Unavailable, invalid_field
from resonance.ids import canonical_digest
from resonance.settings import Settings
from resonance_video.encoding import VideoCodec
from resonance_video.models import SHOT_S_MAX, SHOT_S_MIN, CharacterReference, SceneRequest, Style
from resonance_video.scenes.finishing import finish_scene
from resonance_video.scenes.prompts import scene_prompt
from resonance_video.scenes.provider import Progress, SceneCapabilities, SceneFile, SceneReference

# Raised whenever equal requests would be asked for in other words, or finished otherwise.
VERSION = "1"
_INDEX = "model_index.json"
_WORKER = Path(__file__).with_name("diffusers_worker.py")
_GRID = 8
_PICTURE_S_MAX = 900.0


class DiffusersScenes:
    """Pictures by one pipeline, each in a child of its own that has no network and ends with it."""

    name = "diffusers"

    def __init__(self, folder: Path, *, python: str, steps: int, side: int, codec: VideoCodec = "h264") -> None:
        """`folder` holds a pipeline as `save_pretrained` writes it; `side` is the side of a square picture in pixels."""
        self._folder = folder
        self._python = python or sys.executable
        self._steps = steps
        self._side = side
        self._codec: VideoCodec = codec
        self._model = f"{folder.name} {hashlib.sha256((folder / _INDEX).read_bytes()).hexdigest()[:8]}"

    def capabilities(self) -> SceneCapabilities:
        """Abilities and limits. Equal requests give equal pictures on one machine, not between machines."""
        return SceneCapabilities(
            name=self.name,
            version=f"{self._model} {VERSION}",
            seconds_min=SHOT_S_MIN,
            seconds_max=SHOT_S_MAX,
            aspects=("9:16", "1:1", "16:9"),
            references_max=0,
            has_seeds=True,
            has_stills=True,
            price_per_s=0.0,
            is_local=True,
            renders_exactly=False,
        )

    def prompt_digest(self, request: SceneRequest) -> str:
        """Hexadecimal SHA-256 of the request, the pipeline and the settings."""
        made_by = [self.name, self._model, VERSION, self._steps, self._side, self._codec]
        return canonical_digest([*made_by, request.model_dump(mode="json")])

    async def cast(self, character: CharacterReference, look: Style, folder: Path) -> SceneReference:
        """Raises Unavailable: the pipeline looks at no references."""
        raise Unavailable("a pipeline of diffusers makes no references", reason="NO_REFERENCES")

    async def make(
        self,
        request: SceneRequest,
        references: tuple[SceneReference, ...],
        folder: Path,
        progress: Progress | None = None,
    ) -> SceneFile:
        """The scene. Raises as the port says; what the pipeline's own filter takes is InvalidInput."""
        with tempfile.TemporaryDirectory(prefix="diffusers-", dir=folder) as made:
            data = await self._draw(request, Path(made))
        return await finish_scene(
            request,
            data,
            folder,
            digest=self.prompt_digest(request),
            is_clip=False,
            codec=self._codec,
            model=self._model,
            made_with=f"{self.name} {self._model}",
            cost=0.0,
        )

    async def _draw(self, request: SceneRequest, folder: Path) -> bytes:
        """The picture as a PNG file."""
        width, height = picture_size(request.size, side=self._side)
        target = folder / "picture.png"
        order = {
            "confinement": confinement.__file__,
            "folder": str(self._folder.resolve()),
            "prompt": scene_prompt(request, is_moving=False),
            "width": width,
            "height": height,
            "steps": self._steps,
            "seed": (request.shot.staging.seed + request.seed) % 2**63,
            "target": str(target),
        }
        await asyncio.to_thread((folder / "order.json").write_text, json.dumps(order))
        result = await run_child(
            str(_WORKER), [str(folder / "order.json")], folder=folder, timeout_s=_PICTURE_S_MAX, python=self._python
        )
        if result.timed_out:
            raise DeadlineExceeded("The pipeline did not draw in time.", reason="SCENE_TIMEOUT")
        answer = json.loads(result.lines[-1]) if result.lines else {}
        if answer.get("reason") == "REFUSED":
            raise InvalidInput(answer["message"], reason="REFUSED")
        if "reason" in answer:
            raise Unavailable(f"{self._model} drew nothing: {answer['message']}", reason=answer["reason"])
        if result.return_code != 0 or not target.exists():
            raise Unavailable(f"{self._model} drew nothing: {result.complaint[-300:]}", reason="PIPELINE_FAILED")
        return await asyncio.to_thread(target.read_bytes)


def picture_size(size: tuple[int, int], *, side: int) -> tuple[int, int]:
    """Width and height of a picture of the film's aspect with about `side` squared pixels, as pipelines take them."""
    aspect = size[0] / size[1]
    width, height = side * math.sqrt(aspect), side / math.sqrt(aspect)
    return max(_GRID, round(width / _GRID) * _GRID), max(_GRID, round(height / _GRID) * _GRID)


def open_diffusers(settings: Settings) -> DiffusersScenes:
    """The provider of `RESONANCE_DIFFUSERS_FOLDER`. Raises InvalidInput where there is no pipeline in it."""
    folder = settings.diffusers_folder
    if folder is None or not (folder / _INDEX).is_file():
        message = f"must be a folder with a pipeline of diffusers ({_INDEX})"
        raise invalid_field("RESONANCE_DIFFUSERS_FOLDER", "INVALID_SETTING", message)
    return DiffusersScenes(
        folder,
        python=settings.diffusers_python,
        steps=settings.diffusers_steps,
        side=settings.diffusers_side,
        codec=settings.video_codec,
    )
