"""Command `video`: makes a music video of a take or of a song file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format
from rich.progress import Progress

from resonance.any_text import to_text
from resonance.client.client import DEFAULT_ADDRESS
from resonance.client.videos import OnVideo
from resonance.v1 import video_pb2
from resonance_cli.clients import open_async_client
from resonance_cli.terminal import Address, AsJson, console, exit_on_error, progress_bar, warn

app = typer.Typer()


@app.command()
def video(
    take: Annotated[str, typer.Argument(help="Id of a finished take, or a song file.")],
    concept: Annotated[str, typer.Argument(help="What is seen: who, where, when, which mood.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write (MP4).")] = Path("video.mp4"),
    aspect: Annotated[
        list[str] | None,
        typer.Option(help="9:16, 1:1 or 16:9; several make a file each, named by their aspect."),
    ] = None,
    character: Annotated[str, typer.Option(help="The person, where the concept does not describe one.")] = "",
    seed: Annotated[int | None, typer.Option(help="Makes the video repeatable.")] = None,
    share: Annotated[
        bool, typer.Option("--share", help="AAC sound for any player; without it the song's own samples (FLAC).")
    ] = False,
    described: Annotated[
        bool, typer.Option("--described", help="The version in which a voice says what is seen (AAC sound).")
    ] = False,
    pcm: Annotated[bool, typer.Option("--pcm", help="A QuickTime file with PCM sound: name the file .mov.")] = False,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Makes a music video. The work goes on when this command is interrupted; `GET /v1/videos` lists it."""
    aspects = aspect or ["9:16"]
    song = Path(take) if Path(take).exists() else None

    async def run(progress: Progress) -> video_pb2.Video:
        async with open_async_client(address) as client:
            made = await client.videos.make(
                "" if song else take,
                to_text(concept, field="concept"),
                song=song,
                aspects=aspects,
                character=to_text(character, field="character"),
                seed=seed,
                pcm_master=pcm,
                on_change=_show(progress),
            )
            for name in aspects:
                target = _target(out, name, len(aspects))
                await client.videos.save(made.video_id, target, aspect=name, share=share, described=described)
                console.print(f"{target}: {made.duration_s:g} s, {len(made.shots)} shots, seed {made.seed}")
        return made

    with exit_on_error(), progress_bar(as_json) as progress:
        made = asyncio.run(run(progress))
    for notice in made.notices:
        warn(notice)
    print(json_format.MessageToJson(made, preserving_proto_field_name=True) if as_json else made.video_id)


def _show(progress: Progress) -> OnVideo:
    """A callback that moves a progress bar with a video."""
    bar = progress.add_task("waiting", total=1.0)

    def show(video: video_pb2.Video) -> None:
        state = video_pb2.VideoState.Name(video.state).removeprefix("VIDEO_STATE_").lower()
        ready = sum(_is_ready(shot) for shot in video.shots)
        scenes = f", {ready} of {len(video.shots)} scenes" if video.shots else ""
        progress.update(bar, completed=video.progress, description=f"{state}{scenes}")

    return show


def _is_ready(shot: video_pb2.VideoShot) -> bool:
    return any(
        version.version == shot.chosen and version.status == video_pb2.SCENE_STATUS_READY for version in shot.versions
    )


def _target(out: Path, aspect: str, count: int) -> Path:
    """The file of one aspect: `video.mp4`, or `video-9x16.mp4` where there are several."""
    return out if count == 1 else out.with_name(f"{out.stem}-{aspect.replace(':', 'x')}{out.suffix}")
