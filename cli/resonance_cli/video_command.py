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
from resonance.v1 import generate_pb2, speech_pb2, steering_pb2, video_pb2
from resonance_cli.clients import open_async_client
from resonance_cli.script_parts import parse_section
from resonance_cli.terminal import Address, AsJson, console, exit_on_error, progress_bar, warn

app = typer.Typer()


@app.command()
def video(
    take: Annotated[str, typer.Argument(help="Id of a finished take, or a song file; left out with --music.")],
    concept: Annotated[str, typer.Argument(help="What is seen: who, where, when, which mood.")] = "",
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
    music: Annotated[str, typer.Option(help="Make the music too, from these words.")] = "",
    duration_s: Annotated[float, typer.Option(help="Length of that music.")] = 20.0,
    say: Annotated[
        list[str] | None,
        typer.Option(
            help="Spoken over the music; may begin with a time, as in '12: Rain falls.' Several follow each other."
        ),
    ] = None,
    voice: Annotated[str, typer.Option(help="Who speaks: one of `resonance voices`.")] = "",
    provider: Annotated[str, typer.Option(help="Who makes the scenes; the embedded renderer without it.")] = "",
    pcm: Annotated[bool, typer.Option("--pcm", help="A QuickTime file with PCM sound: name the file .mov.")] = False,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Makes a music video. The work goes on when this command is interrupted; `GET /v1/videos` lists it."""
    aspects = aspect or ["9:16"]
    if music and not concept:
        take, concept = "", take
    song = Path(take) if take and Path(take).exists() else None

    async def run(progress: Progress) -> video_pb2.Video:
        async with open_async_client(address) as client:
            made = await client.videos.make(
                "" if song else take,
                to_text(concept, field="concept"),
                song=song,
                music=_to_music(music, duration_s, seed) if music else None,
                narration=_to_narration(say, voice) if say else None,
                provider=provider,
                aspects=aspects,
                character=to_text(character, field="character"),
                seed=seed,
                pcm_master=pcm,
                on_change=_show(progress),
            )
            for name in aspects:
                target = _target(out, name, len(aspects))
                await client.videos.save(made.video_id, target, aspect=name, share=share, described=described)
                cost = f", about ${made.cost_usd:.3f}" if made.cost_usd else ""
                console.print(f"{target}: {made.duration_s:g} s, {len(made.shots)} shots, seed {made.seed}{cost}")
        return made

    with exit_on_error(), progress_bar(as_json) as progress:
        made = asyncio.run(run(progress))
    for notice in made.notices:
        warn(notice)
    print(json_format.MessageToJson(made, preserving_proto_field_name=True) if as_json else made.video_id)


def _to_music(words: str, duration_s: float, seed: int | None) -> generate_pb2.GenerateRequest:
    prompt = steering_pb2.WeightedPrompt(text=to_text(words, field="music"))
    return generate_pb2.GenerateRequest(recipe=steering_pb2.Recipe(prompts=[prompt]), duration_s=duration_s, seed=seed)


def _to_narration(say: list[str], voice: str) -> video_pb2.VideoNarration:
    parts = [parse_section(to_text(part, field="say")) for part in say]
    return video_pb2.VideoNarration(
        sections=[speech_pb2.ScriptSection(text=text, start_s=start_s) for text, start_s in parts], voice_id=voice
    )


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
