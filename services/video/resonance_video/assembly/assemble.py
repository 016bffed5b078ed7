"""Assembly of one aspect: scenes joined on the frame grid, with the song's own samples."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resonance.audio.delivery.credentials import Credentials
from resonance.audio.sandbox import run_child
from resonance.errors import DeadlineExceeded, InvalidInput, Unavailable
from resonance_video.assembly.flashes import FlashReport
from resonance_video.assembly.marks import sign_film
from resonance_video.describing import SpokenSummary
from resonance_video.encoding import VideoCodec
from resonance_video.models import ASPECT_SIZES, Aspect, ShotPlan

_WORKER = "resonance_video.assembly.worker"
_TIMEOUT_S = 1800.0
_MADE_BY = "Resonance: made by a machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssembledVideo:
    """A finished film: `master` has the song's samples without loss (FLAC in MP4, or PCM in QuickTime), `share` AAC at 256 kbit/s.

    `described` has the spoken summaries over the song as its first track and the song alone as its second; None where nothing was
    spoken. `sha256` has the digest of each by name.
    """

    master: Path
    share: Path
    described: Path | None = None
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
    size: tuple[int, int] | None = None,
    foreign: Sequence[str] = (),
    spoken: Sequence[SpokenSummary] = (),
    is_pcm: bool = False,
    codec: VideoCodec = "h264",
) -> AssembledVideo:
    """The film of a plan, in the folder `out`. `scene_files` maps the id of every shot to its scene; `foreign` names shots of other makers.

    `manifest` says how the video was made (title, concept, providers) and goes into the files' tags and, where `credentials` are given,
    into their signed content credentials, with the song as an ingredient. `spoken` are the summaries of the described version. The files
    appear whole, and a cancelled call leaves none.

    Raises:
        InvalidInput: a scene is missing, is no video, or does not fit its shot; the song is another one; or the film flashes more than
            three times a second (reason FLASHES, with the time) and could not be calmed.
        Unavailable: the film could not be joined on this machine.
    """
    missing = [shot.id for shot in plan.shots if shot.id not in scene_files]
    if missing:
        raise InvalidInput(
            f"{len(missing)} scenes are missing, the first is that of {missing[0]}", reason="SCENE_MISSING"
        )
    known = dict(manifest or {})
    width, height = size or ASPECT_SIZES[aspect]
    names = {"master": "master.mov" if is_pcm else "master.mp4", "share": "share.mp4"}
    if spoken:
        names["described"] = "described.mp4"
    with tempfile.TemporaryDirectory(prefix="assemble-", dir=out) as made:
        folder = Path(made)
        order = {
            "folder": str(folder),
            "song": str(song),
            "fps": plan.fps,
            "frames": plan.frames,
            "width": width,
            "height": height,
            "codec": codec,
            "tags": _tags(known),
            "names": names,
            "spoken": [{"path": str(one.path), "start_s": one.start_s} for one in spoken],
            "scenes": [
                {
                    "id": shot.id,
                    "path": str(scene_files[shot.id]),
                    "frame_count": shot.frame_count,
                    "is_foreign": shot.id in foreign,
                }
                for shot in plan.shots
            ],
        }
        answer = await _run(order, folder)
        finished = {name: out / file.replace(".", f"-{aspect.replace(':', 'x')}.") for name, file in names.items()}
        for name, target in finished.items():
            await asyncio.to_thread(_finish, folder / names[name], target, song, known, credentials)
    general, red, at_s = answer["flashes"]
    return AssembledVideo(
        master=finished["master"],
        share=finished["share"],
        described=finished.get("described"),
        duration_s=answer["duration_s"],
        frame_count=plan.frames,
        flashes=FlashReport(flashes_max=general, red_flashes_max=red, at_s=at_s),
        sha256={name: await asyncio.to_thread(_sha256, path) for name, path in finished.items()},
        notices=tuple(answer["notices"]),
    )


async def _run(order: dict[str, Any], folder: Path) -> dict[str, Any]:
    path = folder / "order.json"
    path.write_text(json.dumps(order))
    result = await run_child(_WORKER, [str(path)], folder=folder, timeout_s=_TIMEOUT_S)
    if result.timed_out:
        raise DeadlineExceeded(f"The assembly took longer than {_TIMEOUT_S:.0f} s.", reason="ASSEMBLY_TIMEOUT")
    try:
        answer: dict[str, Any] = json.loads(result.lines[-1])
    except (IndexError, ValueError):
        raise Unavailable(
            f"The film could not be joined: {result.complaint[-300:]}", reason="ASSEMBLY_FAILED"
        ) from None
    if "reason" in answer:
        raise InvalidInput(answer["message"], reason=answer["reason"])
    return answer


def _finish(source: Path, target: Path, song: Path, manifest: dict[str, Any], credentials: Credentials | None) -> None:
    """Signs the film and moves it to its place."""
    if credentials is not None:
        signed = source.with_suffix(f".signed{source.suffix}")
        sign_film(source, signed, song, manifest, credentials)
        source = signed
    shutil.move(source, target)


def _tags(manifest: Mapping[str, Any]) -> dict[str, str]:
    title = str(manifest.get("title", ""))[:200]
    return {"artist": _MADE_BY, "comment": json.dumps(manifest)[:4000]} | ({"title": title} if title else {})


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
