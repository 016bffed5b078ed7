"""Assembly of one aspect: scenes joined on the frame grid, with the song's own samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resonance.audio.delivery.credentials import Credentials
from resonance_video.assembly.flashes import FlashReport
from resonance_video.models import Aspect, ShotPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class AssembledVideo:
    """A finished film: `master` has the song's samples without loss (FLAC in MP4), `share` AAC at 256 kbit/s."""

    master: Path
    share: Path
    still: Path
    duration_s: float
    frame_count: int
    flashes: FlashReport
    sha256: Mapping[str, str]
    notices: tuple[str, ...]


async def assemble(
    plan: ShotPlan,
    scene_files: Mapping[str, Path],
    song: Path,
    aspect: Aspect,
    out: Path,
    *,
    manifest: Mapping[str, Any] | None = None,
    credentials: Credentials | None = None,
) -> AssembledVideo:
    """The film of a plan, in the folder `out`. `scene_files` maps the id of every shot to its scene.

    `manifest` says how the video was made (title, model, concept, providers) and goes into the files' tags and, where `credentials` are
    given, into their signed content credentials, with the song's own manifest as an ingredient.

    Raises:
        InvalidInput: a scene is missing, is no video, or does not fit its shot; or the film flashes more than three times a second
            (reason FLASHES, with the time) and could not be calmed.
    """
    raise NotImplementedError
