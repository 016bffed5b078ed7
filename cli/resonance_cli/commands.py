"""Commands that make tastes and music."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format
from rich.progress import Progress

from resonance.any_text import to_text
from resonance.audio.delivery.delivery import Delivery
from resonance.audio.delivery.formats import NAMES
from resonance.audio.delivery.verification import verify_file
from resonance.audio.formats import IN_WORDS
from resonance.client import Client
from resonance.client.client import DEFAULT_ADDRESS
from resonance.client.requests import build_request, build_taste_options, follow_picture
from resonance.client.song_files import find_songs
from resonance.errors import NotFound
from resonance.settings import read_settings
from resonance.steering.sliders import SLIDER_NAMES
from resonance.steering.taste_mix import parse_taste_mix
from resonance.v1 import generate_pb2, jobs_pb2, steering_pb2
from resonance_cli import adopt_command, speech_commands, steering_commands, up_command, video_command
from resonance_cli.arguments import (
    is_file_name,
    parse_gains,
    parse_link,
    parse_numbers,
    parse_sliders,
    parse_stars,
    parse_track_range,
    read_melody,
)
from resonance_cli.clients import open_async_client, open_client
from resonance_cli.key_commands import keys_app
from resonance_cli.lanes_commands import lanes_app
from resonance_cli.operator_commands import bench_app, store_app
from resonance_cli.output import is_stdout
from resonance_cli.owner_commands import owners_app
from resonance_cli.performing import Performing
from resonance_cli.room_commands import room_app
from resonance_cli.song_file import check_variations_output, read_choice, write_song, write_variations
from resonance_cli.terminal import Address, AsJson, console, exit_on_error, progress_bar, say, warn
from resonance_cli.work_commands import work_app

Bpm = Annotated[float | None, typer.Option(help="Tempo in beats a minute, 40 to 240.")]
KeyName = Annotated[str, typer.Option(help="Key, such as 'C major' or 'F# minor'.")]
BackendName = Annotated[str, typer.Option("--backend", help="What makes the music; /v1/models lists the backends.")]
Negative = Annotated[str, typer.Option(help="What the music is steered away from, such as 'drums'.")]
Unclamped = Annotated[bool, typer.Option("--unclamped", help="Does not hold strengths to their safe ranges.")]
ConceptPositions = Annotated[
    list[str] | None, typer.Option(help="NAME=POSITION of a concept in [-1, 1], as a slider's; may be repeated.")
]
app = typer.Typer(
    help="Original music from taste and words. `up` runs the system; the other commands talk to it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(up_command.app)
app.add_typer(steering_commands.app)
app.add_typer(adopt_command.app)
app.add_typer(speech_commands.app)
app.add_typer(video_command.app)
app.add_typer(store_app, name="store")
app.add_typer(bench_app, name="bench")
app.add_typer(keys_app, name="keys")
app.add_typer(owners_app, name="owners")
app.add_typer(work_app, name="work")
app.add_typer(room_app, name="room")
app.add_typer(lanes_app, name="lanes")


@app.command()
def make(
    prompt: Annotated[str, typer.Argument(help="What the music should be.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write; its ending is its format; - is standard output.")
    ] = Path("song.wav"),
    duration_s: Annotated[float, typer.Option(help="Length in seconds.")] = 10.0,
    taste: Annotated[
        list[str] | None, typer.Option(help="Id of a finished taste, or audio files; may be repeated.")
    ] = None,
    mix: Annotated[str, typer.Option(help="A mix of tastes by id: 'A + 0.5 B - C'.")] = "",
    mix_then: Annotated[str, typer.Option(help="The mix at the end; the music goes there bar by bar.")] = "",
    taste_strength: Annotated[float, typer.Option(help="How strongly the taste steers.")] = 1.0,
    taste_in_words: Annotated[bool, typer.Option(help="Adds the taste's words to the prompt.")] = False,
    taste_gain: Annotated[list[str] | None, typer.Option(help="LAYER=GAIN of the taste; may be repeated.")] = None,
    slider: Annotated[list[str] | None, typer.Option(help="NAME=POSITION in [-1, 1]; may be repeated.")] = None,
    concept: Annotated[list[str] | None, typer.Option(help="NAME=STRENGTH of a concept; may be repeated.")] = None,
    concept_gain: Annotated[list[str] | None, typer.Option(help="LAYER=GAIN of the concepts; may be repeated.")] = None,
    concept_position: ConceptPositions = None,
    unclamped: Unclamped = False,
    bpm: Bpm = None,
    key: KeyName = "",
    negative_prompt: Negative = "",
    seed: Annotated[int | None, typer.Option(help="Makes the take repeatable.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="A seamless loop of whole bars near --duration-s.")] = False,
    variations: Annotated[
        int, typer.Option("--variations", "-n", help="Takes to make side by side, 1 to 8: song-1.wav, song-2.wav ...")
    ] = 1,
    melody: Annotated[
        Path | None, typer.Option(help="A sound file whose melody is followed; for melody models.")
    ] = None,
    origin: Annotated[
        str, typer.Option("--continue", help="Id of a finished take, or a sound file, to continue.")
    ] = "",
    start_s: Annotated[
        float | None, typer.Option(help="Where new music begins in the continued take; its end if absent.")
    ] = None,
    end_s: Annotated[float | None, typer.Option(help="Where the continued take resumes; never if absent.")] = None,
    backend: BackendName = "",
    follow: Annotated[str, typer.Option(help="A silent clip, or the id of a video, that the music follows.")] = "",
    form: Annotated[str, typer.Option("--format", help=f"{NAMES}; without it the file's ending decides.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="The model's own samples to the bit; wav or flac.")] = False,
    level: Annotated[bool, typer.Option(help="Brings the music to the target loudness.")] = True,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Generates a song and writes it to a file, or into a pipe while it is made."""
    with exit_on_error():
        choice, delivery = read_choice(out, name=form, raw=raw, level=level), Delivery(read_settings())
    with exit_on_error(), open_client(address) as client, progress_bar(as_json) as progress:
        origin_sound = client.origin_sound(origin) if origin and is_file_name(origin) else None
        request = build_request(
            to_text(prompt, field="prompt"),
            duration_s=duration_s,
            taste_id=_resolve_taste_id(taste or [], client, progress),
            taste_strength=taste_strength,
            taste_in_words=taste_in_words,
            taste_gains=parse_gains("taste-gain", taste_gain or []),
            tastes=parse_taste_mix(mix, field="--mix") if mix else {},
            tastes_then=parse_taste_mix(mix_then, field="--mix-then") if mix_then else {},
            tempi_bpm=client.model().capabilities.tempo.bpm if mix_then else (),
            sliders=parse_sliders(slider or []),
            concepts=parse_numbers("concept", concept or []),
            concept_gains=parse_gains("concept-gain", concept_gain or []),
            concept_positions=parse_numbers("concept-position", concept_position or []),
            unclamped=unclamped,
            bpm=bpm,
            key=key,
            negative_prompt=negative_prompt,
            seed=seed,
            loop=loop,
            backend=backend,
            origin="" if origin_sound is not None else origin,
            origin_sound=origin_sound,
            start_s=start_s,
            end_s=end_s,
            melody=read_melody(melody) if melody is not None else b"",
        )
        if follow:
            follow_picture(request, curves := client.picture_curves(follow))
            for notice in curves.notices:
                warn(notice)
        if variations == 1:
            take = write_song(out, client.stream(request), progress, warn, delivery=delivery, choice=choice)
            written = [(out, take)]
        else:
            check_variations_output(out)
            responses = client.variations(request, variations)
            written = write_variations(out, responses, progress, warn, delivery=delivery, choice=choice)
    for path, take in written:
        _print_take(path, take, as_json)
    if len(written) < variations:
        raise typer.Exit(1)


@app.command()
def perform(
    prompt: Annotated[str, typer.Argument(help="What the music should be at the start.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write; its ending is its format; - is standard output.")
    ] = Path("live.wav"),
    duration_s: Annotated[
        float, typer.Option(help="Longest length in seconds; the line `stop` ends it earlier.")
    ] = 60.0,
    concept: Annotated[list[str] | None, typer.Option(help="NAME=STRENGTH of a concept; may be repeated.")] = None,
    unclamped: Unclamped = False,
    bpm: Bpm = None,
    key: KeyName = "",
    negative_prompt: Negative = "",
    seed: Annotated[int | None, typer.Option(help="Makes it repeatable, together with its controls.")] = None,
    melody: Annotated[
        Path | None, typer.Option(help="A sound file whose melody is followed; for melody models.")
    ] = None,
    backend: BackendName = "",
    form: Annotated[str, typer.Option("--format", help=f"{NAMES}; without it the file's ending decides.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="The model's own samples to the bit; wav or flac.")] = False,
    level: Annotated[bool, typer.Option(help="Brings the music to the target loudness.")] = True,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Plays live into a file, in real time. Lines on standard input change it: prompt WORDS, slider NAME=POSITION,
    concept NAME=STRENGTH, bpm NUMBER, key NAME, without WORDS, melody FILE, no melody, pause, play, reset, stop."""
    recipe = steering_pb2.Recipe(bpm=bpm, key=key, negative_prompt=negative_prompt)
    opening = generate_pb2.PerformOpening(seed=seed, recipe=recipe, backend=backend)
    with exit_on_error():
        choice, delivery = read_choice(out, name=form, raw=raw, level=level), Delivery(read_settings())

    async def play() -> None:
        async with open_async_client(address) as client:
            performing = Performing(
                opening, warn if is_stdout(out) else say, warn, is_unclamped=unclamped, delivery=delivery, choice=choice
            )
            await performing.play(client, out, sys.stdin, duration_s=duration_s)

    with exit_on_error():
        opening.recipe.prompts.add(text=to_text(prompt, field="prompt"))
        for name, strength in parse_numbers("concept", concept or []).items():
            opening.recipe.concepts.add(name=name, strength=strength, unclamped=unclamped)
        if melody is not None:
            opening.melody.wav = read_melody(melody)
        asyncio.run(play())
        console.print(f"{out}: written")


@app.command()
def taste(
    sources: Annotated[
        list[str], typer.Argument(help=f"Audio files, folders of them, or one link. Formats: {IN_WORDS}.")
    ],
    mix_mode: Annotated[
        str, typer.Option(help="mean, time_select (only --range) or attention_weighted (the chorus counts more).")
    ] = "",
    chosen: Annotated[
        list[str] | None,
        typer.Option("--range", help="TRACK:START-END, a track counted from 0 and seconds; may be repeated."),
    ] = None,
    attention_temperature: Annotated[
        float | None, typer.Option(help="For attention_weighted: small values pick few clips.")
    ] = None,
    direction: Annotated[
        str, typer.Option(help="contrast (with other music), mean (of the playlist alone) or words (no direction).")
    ] = "",
    whitening: Annotated[str, typer.Option(help="none, diagonal or shrunk.")] = "",
    stars: Annotated[str, typer.Option(help="1 to 5 for each track in order, such as 5,3,4; 0 is not rated.")] = "",
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Makes a taste from songs and prints its id."""
    with exit_on_error(), open_client(address) as client, progress_bar(as_json) as progress:
        options = build_taste_options(
            mix_mode=mix_mode,
            ranges=[parse_track_range(text) for text in chosen or []],
            temperature=attention_temperature,
            direction=direction,
            whitening=whitening,
            stars=parse_stars(stars),
        )
        job = _make_taste(sources, client, progress, options)
    _print_taste(job, as_json)


@app.command()
def retry(
    taste_id: Annotated[str, typer.Argument(help="Id of a final taste with failed tracks.")],
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Retries the failed tracks of a taste as a new taste and prints its id. The other tracks are not extracted again."""
    with exit_on_error(), open_client(address) as client, progress_bar(as_json) as progress:
        _print_taste(client.retry(taste_id, on_change=_show_job(progress)), as_json)


@app.command()
def refine(
    text: Annotated[
        str, typer.Argument(help="What shall change, such as 'more bass, a touch less tense', 'dreamier'.")
    ],
    slider: Annotated[list[str] | None, typer.Option(help="NAME=POSITION now; may be repeated.")] = None,
    previous: Annotated[
        list[str] | None, typer.Option(help="NAME=POSITION before the last change, for 'undo'; may be repeated.")
    ] = None,
    concept_position: ConceptPositions = None,
    previous_concept: Annotated[
        list[str] | None, typer.Option(help="NAME=POSITION of a concept before the last change; may be repeated.")
    ] = None,
    prompt: Annotated[str, typer.Option(help="The prompt in hand, with which a new phrase is read.")] = "",
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Turns words into positions of sliders and concepts: prints the options for `make`, and the explanation to standard error."""
    with exit_on_error(), open_client(address) as client:
        found = client.refine(
            to_text(text, field="text"),
            parse_sliders(slider or []),
            previous=parse_sliders(previous) if previous else None,
            concepts=parse_numbers("concept-position", concept_position or []),
            previous_concepts=parse_numbers("previous-concept", previous_concept or []),
            prompt=to_text(prompt, field="prompt"),
        )
    if as_json:
        print(json_format.MessageToJson(found, preserving_proto_field_name=True))
        return
    console.print(found.explanation)
    moved = {name: getattr(found.sliders, name) for name in SLIDER_NAMES}
    options = [f"--slider {name}={position:g}" for name, position in moved.items() if position]
    options += [f"--concept-position {one.name}={one.position:g}" for one in found.concepts if one.position]
    print(" ".join(options))


@app.command()
def models(address: Address = DEFAULT_ADDRESS) -> None:
    """Describes the loaded model and its capabilities."""
    with exit_on_error(), open_client(address) as client:
        print(client.model())


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="A sound file.")],
    as_json: AsJson = False,
) -> None:
    """Reads the marks of a sound file: content credentials, tags and watermark. Needs no server."""
    with exit_on_error():
        if not path.is_file():
            raise NotFound(f"{path} is not a file", reason="NO_SUCH_FILE")
        found = asyncio.run(verify_file(path, read_settings()))
    if as_json:
        print(json.dumps(found.to_json()))
        return
    for name, part in found.to_json().items():
        if isinstance(part, dict):
            print(f"{name}: {'found' if part['found'] else 'not found'}")
            for key, value in part.items():
                if key != "found" and value not in ("", [], {}):
                    print(f"  {key}: {value}")
    print("made by a machine, by its marks" if found.is_marked else "no mark of ours was found, which proves nothing")


def _print_take(out: Path, take: generate_pb2.Take, as_json: bool) -> None:
    if as_json:
        described = json_format.MessageToJson(take, preserving_proto_field_name=True)
        print(described, file=sys.stderr if is_stdout(out) else sys.stdout)
    else:
        made = f"{take.duration_s:g} s, seed {take.seed}, {take.model.model_id} through {take.model.backend}"
        console.print(f"{out}: {made}")


def _make_taste(
    sources: list[str], client: Client, progress: Progress, options: steering_pb2.TasteOptions | None = None
) -> jobs_pb2.Job:
    show = _show_job(progress)
    if link := parse_link(sources):
        return client.taste_from_url(link, options=options, on_change=show)
    files = find_songs(sources)
    for notice in files.notices():
        warn(notice)
    return client.taste_from_files(files.songs, options=options, on_change=show)


def _show_job(progress: Progress) -> Callable[[jobs_pb2.Job], None]:
    """A callback that moves a progress bar with a job."""
    bar = progress.add_task("extracting", total=1.0)

    def show(job: jobs_pb2.Job) -> None:
        state = jobs_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_").lower()
        progress.update(bar, completed=job.progress, description=state)

    return show


def _print_taste(job: jobs_pb2.Job, as_json: bool) -> None:
    if as_json:
        print(json_format.MessageToJson(job, preserving_proto_field_name=True))
        return
    for track in job.tracks:
        outcome = f"{track.clips_done} clips" if track.clips_total else "not chosen"
        said = " ".join(filter(None, (track.error.message or outcome, "" if track.error.message else track.notice)))
        console.print(f"  {track.title}: {said}", markup=False)
    if job.notice:
        console.print(f"  {job.notice}")
    print(job.job_id)


def _resolve_taste_id(given: list[str], client: Client, progress: Progress) -> str:
    """The given taste id, or the id of a new taste made from the given files."""
    if not given or (len(given) == 1 and not Path(given[0]).exists()):
        return "".join(given)
    return _make_taste(given, client, progress).job_id
