"""Watching a clip: a confined child decodes an untrusted video file and measures its pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from resonance.audio.sandbox import run_child
from resonance.errors import DeadlineExceeded, InvalidInput, Unavailable
from resonance.workspace import Workspace
from resonance_video.scoring.curves import PictureCurves, build_curves
from resonance_video.songs import Songs

CLIP_S_MAX = 300.0
_WORKER = "resonance_video.scoring.worker"
_TIMEOUT_S = 300.0


class ClipWatcher:
    """Watches uploaded clips of the current owner."""

    def __init__(self, songs: Songs, workspace: Workspace) -> None:
        """`songs` reads uploads."""
        self._songs = songs
        self._workspace = workspace

    async def watch(self, upload_id: str) -> PictureCurves:
        """The curves of an uploaded clip. Raises NotFound, FailedPrecondition (UPLOAD_NOT_WHOLE), and what `watch_clip` raises."""
        with self._workspace.folder(f"clip-{upload_id}") as folder:
            await self._songs.write_upload(upload_id, folder / "clip")
            return await watch_clip(folder / "clip", folder)


async def watch_clip(clip: Path, folder: Path) -> PictureCurves:
    """The curves of a clip's pictures; its sound is not heard.

    Raises:
        InvalidInput: the file has no pictures, is damaged, or is shorter than a second or longer than CLIP_S_MAX.
        DeadlineExceeded, Unavailable: it could not be decoded here in time.
    """
    result = await run_child(_WORKER, [str(clip), str(CLIP_S_MAX)], folder=folder, timeout_s=_TIMEOUT_S)
    if result.timed_out:
        raise DeadlineExceeded(f"The clip could not be read within {_TIMEOUT_S:.0f} s.", reason="CLIP_TIMEOUT")
    answer = json.loads(result.lines[-1]) if result.lines else {}
    if "reason" in answer:
        raise InvalidInput(answer["message"], reason=answer["reason"])
    if result.return_code != 0 or "starts_s" not in answer:
        raise Unavailable(f"The clip could not be read: {result.complaint[-300:]}", reason="CLIP_FAILED")
    return build_curves(
        answer["starts_s"],
        np.array(answer["energy"]),
        np.array(answer["density"]),
        duration_s=answer["duration_s"],
    )
