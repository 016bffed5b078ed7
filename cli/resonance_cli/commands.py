"""The commands: `up` runs the system; `make`, `taste`, `refine`, `concepts`, `calibrate`, `models` use one that runs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from resonance.client import DEFAULT_ADDRESS, Client, request_of
from resonance.errors import ResonanceError, invalid_field
from resonance.process import run_process
from resonance.settings import Settings, read_settings
from resonance.sliders import SLIDER_NAMES
from resonance.store import open_store
from resonance.store.check import check_store
from resonance.v1 import extract_pb2, jobs_pb2
from resonance_cli.song_file import write_song

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
store_app = typer.Typer(help="Looks after the object store.", no_args_is_help=True)
app.add_typer(store_app, name="store")
_console = Console(stderr=True)
AsJson = Annotated[bool, typer.Option("--json", help="Prints the result as JSON, for programs; no progress bar.")]
Address = Annotated[str, typer.Option(help="host:port of the services.", envvar="RESONANCE_GRPC_ADDR")]


@app.command()
def up() -> None:
    """Starts everything in one process; settings are RESONANCE_* variables; ends on SIGTERM or Ctrl-C."""
    from resonance_cli.all_in_one import all_in_one, quiet_libraries

    quiet_libraries()

    async def start(settings: Settings, stack: AsyncExitStack) -> None:
        running = await stack.enter_async_context(all_in_one(settings, _say))
        print(f"\n  Resonance is ready: {running.http_url}\n", flush=True)

    run_process(start)


@app.command()
def make(
    prompt: Annotated[str, typer.Argument(help="What the music should be.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The WAV file to write.")] = Path("song.wav"),
    duration_s: Annotated[float, typer.Option(help="Length in seconds.")] = 10.0,
    taste: Annotated[
        list[str] | None, typer.Option(help="Id of a finished taste, or audio files; may be repeated.")
    ] = None,
    taste_strength: Annotated[float, typer.Option(help="How strongly the taste steers.")] = 1.0,
    taste_in_words: Annotated[bool, typer.Option(help="Adds what was heard in the taste to the prompt.")] = False,
    taste_gain: Annotated[list[str] | None, typer.Option(help="LAYER=GAIN of the taste; may be repeated.")] = None,
    slider: Annotated[list[str] | None, typer.Option(help="NAME=POSITION in [-1, 1]; may be repeated.")] = None,
    concept: Annotated[list[str] | None, typer.Option(help="NAME=STRENGTH of a concept; may be repeated.")] = None,
    concept_gain: Annotated[list[str] | None, typer.Option(help="LAYER=GAIN of the concepts; may be repeated.")] = None,
    seed: Annotated[int | None, typer.Option(help="Makes the take repeatable.")] = None,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Makes a song and writes it while it is made."""
    with _told_errors(), Client(address) as client, _progress(as_json) as progress:
        request = request_of(
            prompt,
            duration_s=duration_s,
            taste_id=_taste_id_of(taste or [], client, progress),
            taste_strength=taste_strength,
            taste_in_words=taste_in_words,
            taste_gains=_gains_of("taste-gain", taste_gain or []),
            sliders=_sliders_of(slider or []),
            concepts=_numbers_of("concept", concept or []),
            concept_gains=_gains_of("concept-gain", concept_gain or []),
            seed=seed,
        )
        take = write_song(out, client.stream(request), progress)
    if as_json:
        print(json_format.MessageToJson(take, preserving_proto_field_name=True))
    else:
        made = f"{take.duration_s:g} s, seed {take.seed}, {take.model.model_id} through {take.model.backend}"
        _console.print(f"{out}: {made}")


@app.command()
def taste(
    sources: Annotated[list[str], typer.Argument(help="Audio files, a folder of them, or one link.")],
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Makes a taste of songs and prints its id."""
    with _told_errors(), Client(address) as client, _progress(as_json) as progress:
        job = _taste_of(sources, client, progress)
    if as_json:
        print(json_format.MessageToJson(job, preserving_proto_field_name=True))
        return
    for track in job.tracks:
        _console.print(f"  {track.title}: {track.error.message or f'{track.clips_done} clips'}")
    print(job.job_id)


@app.command()
def refine(
    text: Annotated[str, typer.Argument(help="What shall change, such as 'more bass, a touch less tense'.")],
    slider: Annotated[list[str] | None, typer.Option(help="NAME=POSITION now; may be repeated.")] = None,
    previous: Annotated[
        list[str] | None, typer.Option(help="NAME=POSITION before, for 'undo'; may be repeated.")
    ] = None,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Turns words into slider positions: prints the options for `make`, and why on the other stream."""
    with _told_errors(), Client(address) as client:
        before = _sliders_of(previous) if previous else None
        found = client.refine(text, _sliders_of(slider or []), previous=before)
    if as_json:
        print(json_format.MessageToJson(found, preserving_proto_field_name=True))
        return
    _console.print(found.explanation)
    moved = {name: getattr(found.sliders, name) for name in SLIDER_NAMES}
    print(" ".join(f"--slider {name}={position:g}" for name, position in moved.items() if position))


@app.command()
def concepts(address: Address = DEFAULT_ADDRESS) -> None:
    """Lists the concepts of the loaded model."""
    with _told_errors(), Client(address) as client:
        table = Table("concept", "ready", "safe range", "best layer (AUC)")
        for concept in client.concepts():
            best = max(concept.layers, key=lambda layer: layer.auc, default=None)
            limits = concept.calibration
            table.add_row(
                concept.name,
                concept.unusable_reason or ("yes" if concept.ready else "not yet"),
                f"{limits.strength_min:g} to {limits.strength_max:g}"
                if concept.HasField("calibration")
                else "not measured",
                f"{best.layer} ({best.auc:.2f})" if best is not None else "",
            )
    Console().print(table)


@app.command()
def calibrate(
    concept: Annotated[str, typer.Option(help="A concept's name.")] = "",
    taste: Annotated[str, typer.Option(help="A taste's id.")] = "",
    scan: Annotated[bool, typer.Option("--scan", help="Scans layers instead.")] = False,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Measures a concept's or a taste's safe range. Stopped, it goes on in the service; asked again, it shows where it is."""
    kind = extract_pb2.STUDY_KIND_LAYER_SCAN if scan else extract_pb2.STUDY_KIND_CALIBRATION
    request = extract_pb2.StartStudyRequest(kind=kind, concept=concept, taste_id=taste)
    with _told_errors(), Client(address) as client, _progress(as_json) as progress:
        bar = progress.add_task("rendering", total=1.0)

        def show(study: extract_pb2.Study) -> None:
            progress.update(bar, completed=study.progress.done, total=study.progress.total)

        study = client.study(request, on_change=show)
    if as_json:
        print(json_format.MessageToJson(study, preserving_proto_field_name=True))
    elif scan:
        for one in study.renderings:
            print(
                f"{one.label}: {one.effect_down:+.2f} to {one.effect_up:+.2f}{'' if one.passed else ', fails a gate'}"
            )
    else:
        print(f"safe from {study.calibration.strength_min:g} to {study.calibration.strength_max:g}")


@app.command()
def models(address: Address = DEFAULT_ADDRESS) -> None:
    """Says which model is loaded and what it can do."""
    with _told_errors(), Client(address) as client:
        print(client.model())


@store_app.command("check")
def check_objects(
    prefix: Annotated[str, typer.Argument(help="Only keys that begin so.")] = "",
) -> None:
    """Reads every stored object and names what is damaged; ends with 1 where something is. Settings are RESONANCE_* variables."""
    with _told_errors():
        damaged = asyncio.run(_check_objects(prefix))
    if damaged:
        raise typer.Exit(1)


async def _check_objects(prefix: str) -> int:
    store = await open_store(read_settings())
    good = damaged = 0
    try:
        async with aclosing(check_store(store, prefix)) as objects:
            async for one in objects:
                good, damaged = good + (not one.damage), damaged + bool(one.damage)
                if one.damage:
                    print(f"{one.key}: {one.damage}")
    finally:
        await store.close()
    print(f"{good} objects are whole, {damaged} are damaged")
    return damaged


def _progress(as_json: bool) -> Progress:
    """A bar for people on a terminal; nothing for programs."""
    return Progress(console=_console, transient=True, disable=as_json or not _console.is_terminal)


def _taste_of(sources: list[str], client: Client, progress: Progress) -> jobs_pb2.Job:
    bar = progress.add_task("listening", total=1.0)

    def show(job: jobs_pb2.Job) -> None:
        state = jobs_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_").lower()
        progress.update(bar, completed=job.progress, description=state)

    if len(sources) == 1 and "://" in sources[0]:
        return client.taste_from_url(sources[0], on_change=show)
    return client.taste_from_files(_files_of(sources), on_change=show)


def _taste_id_of(given: list[str], client: Client, progress: Progress) -> str:
    """The one id that is given, or the id of a taste that is made of the files."""
    if not given or (len(given) == 1 and not Path(given[0]).exists()):
        return "".join(given)
    return _taste_of(given, client, progress).job_id


def _say(text: str) -> None:
    print(f"resonance: {text}", flush=True)


@contextmanager
def _told_errors() -> Iterator[None]:
    """Ends with the error's sentence and code 1, without a traceback."""
    try:
        yield
    except (ResonanceError, OSError) as failure:
        reason = f" [{failure.reason}]" if isinstance(failure, ResonanceError) else ""
        print(f"resonance: {failure}{reason}", file=sys.stderr)
        raise typer.Exit(1) from None


def _sliders_of(texts: list[str]) -> dict[str, float]:
    positions: dict[str, float] = {}
    for text in texts:
        name, _, position = text.partition("=")
        if name not in SLIDER_NAMES:
            raise invalid_field("slider", "UNKNOWN_SLIDER", f"{name} is none of {', '.join(SLIDER_NAMES)}")
        try:
            positions[name] = float(position)
        except ValueError as failure:
            raise invalid_field("slider", "MALFORMED", f"{text} is not NAME=NUMBER") from failure
    return positions


def _numbers_of(option: str, texts: list[str]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            numbers[name] = float(number)
        except ValueError as failure:
            raise invalid_field(option, "MALFORMED", f"{text} is not NAME=NUMBER") from failure
    return numbers


def _gains_of(option: str, texts: list[str]) -> dict[int, float]:
    numbers = _numbers_of(option, texts)
    if not all(name.isdigit() for name in numbers):
        raise invalid_field(option, "MALFORMED", "is LAYER=GAIN with a layer's number")
    return {int(name): gain for name, gain in numbers.items()}


def _files_of(sources: list[str]) -> list[Path]:
    """Files as they are given; a folder stands for its files in order of name."""
    files: list[Path] = []
    for source in map(Path, sources):
        files += sorted(path for path in source.iterdir() if path.is_file()) if source.is_dir() else [source]
    return files
