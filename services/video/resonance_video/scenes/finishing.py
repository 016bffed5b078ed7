"""Finishing of foreign scenes: a picture or a clip of another model becomes a scene like ours, in a confined child."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from pathlib import Path

from resonance.audio.sandbox import run_child
from resonance.errors import DeadlineExceeded, Unavailable
from resonance_video.encoding import VideoCodec
from resonance_video.models import SceneRequest
from resonance_video.scenes.provider import SceneFile

_WORKER = "resonance_video.scenes.foreign_worker"
_TIMEOUT_S = 600.0


async def finish_scene(
    request: SceneRequest,
    data: bytes,
    folder: Path,
    *,
    digest: str,
    is_clip: bool,
    codec: VideoCodec,
    model: str,
    made_with: str,
    cost: float,
) -> SceneFile:
    """The scene of an untrusted file: a clip fitted to its shot, or a picture over which the camera moves.

    Args:
        request: the scene that is wanted.
        data: the file as it came.
        folder: where the scene is written, under `digest`.
        digest: the request's `prompt_digest`.
        is_clip: whether the file is a clip.
        codec: how the scene is encoded.
        model: who made the file, for messages.
        made_with: who made it, for the scene's marks.
        cost: what it cost, in US dollars.

    Raises:
        Unavailable: the file does not fit or cannot be read; asked for again, it may be another.
        DeadlineExceeded: it could not be finished in time.
    """
    video, still = folder / f"{digest}.mp4", folder / f"{digest}.png"
    width, height = request.size
    with tempfile.TemporaryDirectory(prefix="foreign-", dir=folder) as made:
        place = Path(made)
        order = {
            "is_clip": is_clip,
            "source": str(place / "source"),
            "video": str(place / "v.mp4"),
            "still": str(place / "s.png"),
            "width": width,
            "height": height,
            "fps": request.fps,
            "frames": request.shot.frame_count,
            "codec": codec,
            "move": request.shot.move.value,
            "seed": request.shot.staging.seed + request.seed,
        }
        await asyncio.to_thread((place / "source").write_bytes, data)
        await asyncio.to_thread((place / "order.json").write_text, json.dumps(order))
        result = await run_child(_WORKER, [str(place / "order.json")], folder=place, timeout_s=_TIMEOUT_S)
        if result.timed_out:
            raise DeadlineExceeded("The scene could not be finished in time.", reason="SCENE_TIMEOUT")
        answer = json.loads(result.lines[-1]) if result.lines else {}
        if "reason" in answer:
            raise Unavailable(f"{model} sent a file that does not fit: {answer['message']}", reason=answer["reason"])
        if result.return_code != 0 or not (place / "v.mp4").exists():
            raise Unavailable(f"The scene could not be finished: {result.complaint[-300:]}", reason="SCENE_FAILED")
        await asyncio.to_thread((place / "s.png").replace, still)
        await asyncio.to_thread((place / "v.mp4").replace, video)
    return SceneFile(
        video=video,
        still=still,
        sha256=await asyncio.to_thread(lambda: hashlib.sha256(video.read_bytes()).hexdigest()),
        width=width,
        height=height,
        fps=request.fps,
        frame_count=request.shot.frame_count,
        prompt_digest=digest,
        made_with=made_with,
        cost=cost,
        colour_distances={},  # colours of foreign pictures are not measured: people compare the stills
    )
