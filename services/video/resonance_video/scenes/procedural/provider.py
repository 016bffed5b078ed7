"""The embedded scene provider: starts a renderer child per scene and reads its progress."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from resonance.audio.sandbox import ChildResult, run_child
from resonance.errors import DeadlineExceeded, InvalidInput, Unavailable
from resonance.ids import canonical_digest
from resonance_video.encoding import VideoCodec
from resonance_video.models import ASPECT_SIZES, SHOT_S_MAX, SHOT_S_MIN, CharacterReference, SceneRequest, Style
from resonance_video.scenes.provider import Progress, SceneCapabilities, SceneFile, SceneReference

NAME = "embedded"
# Raised whenever equal requests would give other pictures.
VERSION = "3"
_MODULE = "resonance_video.scenes.procedural"
_TIMEOUT_S = 1800.0
_MISSING = (
    "The scenes cannot be drawn, because a library of the system is missing: install libegl1 and libgl1 "
    "(Debian, Ubuntu), or mesa-libEGL and mesa-libGL (Fedora)."
)


class ProceduralScenes:
    """Scenes that are drawn on this machine, without a model and without a key."""

    def __init__(self, codec: VideoCodec = "h264") -> None:
        self._codec: VideoCodec = codec

    def capabilities(self) -> SceneCapabilities:
        """Abilities and limits."""
        return SceneCapabilities(
            name=NAME,
            version=VERSION,
            seconds_min=SHOT_S_MIN,
            seconds_max=SHOT_S_MAX,
            aspects=tuple(ASPECT_SIZES),
            references_max=0,  # it draws from the description
            has_seeds=True,
            has_stills=True,
            price_per_s=0.0,
            is_local=True,
            renders_exactly=True,
        )

    def prompt_digest(self, request: SceneRequest) -> str:
        """Hexadecimal SHA-256 of the request and the renderer's version."""
        other = [] if self._codec == "h264" else [self._codec]
        return canonical_digest([NAME, VERSION, *other, request.model_dump(mode="json")])

    async def cast(self, character: CharacterReference, look: Style, folder: Path) -> SceneReference:
        """A picture of the figure in its locked colours."""
        path = folder / f"{character.id}.png"
        with tempfile.TemporaryDirectory(prefix="cast-", dir=folder) as made:
            still = Path(made) / "still.png"
            order = {"character": character.model_dump(mode="json"), "look": look.model_dump(mode="json")}
            await _render(order | {"still": str(still)}, Path(made), None)
            shutil.move(still, path)
        return SceneReference(character_id=character.id, path=path, sha256=await asyncio.to_thread(_sha256, path))

    async def make(
        self,
        request: SceneRequest,
        references: tuple[SceneReference, ...],
        folder: Path,
        progress: Progress | None = None,
    ) -> SceneFile:
        """The scene as MP4, named by its digest; the file appears whole.

        Raises:
            InvalidInput: the shot is longer or shorter than a scene can be.
            Unavailable: with the reason LIBRARY_MISSING without libEGL and libGL, RENDERER_FAILED where the child ended early.
        """
        seconds = request.shot.frame_count / request.fps
        if not 0 < seconds <= SHOT_S_MAX + 1e-6:
            raise InvalidInput(
                f"the scene is {seconds:.2f} s long; at most {SHOT_S_MAX} s are drawn", reason="BAD_LENGTH"
            )
        digest = self.prompt_digest(request)
        video, still = folder / f"{digest}.mp4", folder / f"{digest}.png"
        with tempfile.TemporaryDirectory(prefix="scene-", dir=folder) as made:
            work = Path(made)
            order = {
                "request": request.model_dump(mode="json"),
                "video": str(work / "v.mp4"),
                "still": str(work / "s.png"),
                "codec": self._codec,
            }
            answer = await _render(order, work, progress)
            shutil.move(work / "s.png", still)
            shutil.move(work / "v.mp4", video)
        width, height = request.size
        return SceneFile(
            video=video,
            still=still,
            sha256=await asyncio.to_thread(_sha256, video),
            width=width,
            height=height,
            fps=request.fps,
            frame_count=request.shot.frame_count,
            prompt_digest=digest,
            made_with=f"{NAME} {VERSION}",
            cost=0.0,
            colour_distances=answer["distances"],
        )


async def _render(order: dict[str, Any], folder: Path, progress: Progress | None) -> dict[str, Any]:
    """Runs the child on an order; returns its last line."""
    path = folder / "order.json"
    path.write_text(json.dumps(order))
    last: dict[str, Any] = {}

    def on_line(line: bytes) -> None:
        last.clear()
        last.update(json.loads(line))
        if progress is not None and "progress" in last:
            progress(float(last["progress"]))

    result = await run_child(_MODULE, [str(path)], folder=folder, timeout_s=_TIMEOUT_S, on_line=on_line)
    _check(result, last)
    return last


def _check(result: ChildResult, last: dict[str, Any]) -> None:
    if result.timed_out:
        raise DeadlineExceeded(f"The scene took longer than {_TIMEOUT_S:.0f} s.", reason="SCENE_TIMEOUT")
    if last.get("reason") == "LIBRARY_MISSING":
        raise Unavailable(f"{_MISSING} ({last['message']})", reason="LIBRARY_MISSING")
    if result.return_code != 0 or "distances" not in last:
        raise Unavailable(
            f"The renderer ended early: {result.complaint[-300:]}", reason="RENDERER_FAILED", retry_after_s=1.0
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
