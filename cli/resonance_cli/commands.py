"""The commands: `up` runs the system; `make`, `taste`, `concept`, `calibrate` and others use it; `store`, `keys` keep its data."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from google.protobuf import json_format
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from resonance.api_keys import ApiKey, ApiKeys
from resonance.client import DEFAULT_ADDRESS, AsyncClient, Client, request_of
from resonance.errors import ResonanceError
from resonance.process import run_process
from resonance.settings import Settings, read_settings
from resonance.sliders import SLIDER_NAMES
from resonance.store import open_store
from resonance.store.check import check_store
from resonance.v1 import extract_pb2, generate_pb2, jobs_pb2
from resonance_cli.arguments import files_of, gains_of, melody_in, music_of, numbers_of, paired, sliders_of
from resonance_cli.load import Plan, bombard, summary
from resonance_cli.performing import Performing
from resonance_cli.song_file import write_song

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
store_app = typer.Typer(help="Looks after the object store.", no_args_is_help=True)
app.add_typer(store_app, name="store")
bench_app = typer.Typer(help="Measures a system that runs.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")
keys_app = typer.Typer(help="API keys: who may ask, where keys are asked for.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
Result = TypeVar("Result")
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
    melody: Annotated[Path | None, typer.Option(help="A sound file whose tune is followed, by melody models.")] = None,
    origin: Annotated[str, typer.Option("--from", help="Id of a finished take to go on from.")] = "",
    start_s: Annotated[float | None, typer.Option(help="Where new music begins in it; its end if absent.")] = None,
    end_s: Annotated[float | None, typer.Option(help="Where the old take goes on again.")] = None,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Makes a song and writes it while it is made."""
    with _told_errors(), _client(address) as client, _progress(as_json) as progress:
        request = request_of(
            prompt,
            duration_s=duration_s,
            taste_id=_taste_id_of(taste or [], client, progress),
            taste_strength=taste_strength,
            taste_in_words=taste_in_words,
            taste_gains=gains_of("taste-gain", taste_gain or []),
            sliders=sliders_of(slider or []),
            concepts=numbers_of("concept", concept or []),
            concept_gains=gains_of("concept-gain", concept_gain or []),
            seed=seed,
            origin=origin,
            start_s=start_s,
            end_s=end_s,
            melody=melody_in(melody) if melody is not None else b"",
        )
        take = write_song(out, client.stream(request), progress)
    if as_json:
        print(json_format.MessageToJson(take, preserving_proto_field_name=True))
    else:
        made = f"{take.duration_s:g} s, seed {take.seed}, {take.model.model_id} through {take.model.backend}"
        _console.print(f"{out}: {made}")


@app.command()
def perform(
    prompt: Annotated[str, typer.Argument(help="What the music should be at first.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The WAV file to write.")] = Path("live.wav"),
    duration_s: Annotated[float, typer.Option(help="How long at most; a line `stop` ends it earlier.")] = 60.0,
    seed: Annotated[int | None, typer.Option(help="Makes it repeatable, together with its controls.")] = None,
    melody: Annotated[Path | None, typer.Option(help="A sound file whose tune is followed, by melody models.")] = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Plays live, in real time, into a file, and obeys lines that are typed meanwhile: prompt WORDS, slider NAME=POSITION, melody FILE,
    no melody, pause, play, reset, stop."""
    opening = generate_pb2.PerformOpening(seed=seed)
    opening.recipe.prompts.add(text=prompt)

    async def play() -> None:
        async with AsyncClient(address) as client:
            await Performing(opening, _say).play(client, out, sys.stdin, duration_s=duration_s)

    with _told_errors():
        if melody is not None:
            opening.melody.wav = melody_in(melody)
        asyncio.run(play())
        _console.print(f"{out}: written")


@app.command()
def taste(
    sources: Annotated[list[str], typer.Argument(help="Audio files, a folder of them, or one link.")],
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Makes a taste of songs and prints its id."""
    with _told_errors(), _client(address) as client, _progress(as_json) as progress:
        job = _taste_of(sources, client, progress)
    _tell_taste(job, as_json)


@app.command()
def retry(
    taste_id: Annotated[str, typer.Argument(help="Id of a taste that ended with tracks that failed.")],
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Goes on with the failed tracks of a taste, as a new taste, and prints its id. What was heard is not heard again."""
    with _told_errors(), _client(address) as client, _progress(as_json) as progress:
        _tell_taste(client.retry(taste_id, on_change=_shown(progress)), as_json)


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
    with _told_errors(), _client(address) as client:
        before = sliders_of(previous) if previous else None
        found = client.refine(text, sliders_of(slider or []), previous=before)
    if as_json:
        print(json_format.MessageToJson(found, preserving_proto_field_name=True))
        return
    _console.print(found.explanation)
    moved = {name: getattr(found.sliders, name) for name in SLIDER_NAMES}
    print(" ".join(f"--slider {name}={position:g}" for name, position in moved.items() if position))


@app.command()
def concepts(address: Address = DEFAULT_ADDRESS) -> None:
    """Lists the concepts of the loaded model."""
    with _told_errors(), _client(address) as client:
        table = Table("concept", "ready", "safe range", "best layer (AUC)", "acts on layers")
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
                ", ".join(str(layer) for layer in sorted(concept.layer_gains) if concept.layer_gains[layer]) or "all",
            )
    Console().print(table)


@app.command("concept")
def make_concept(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    more: Annotated[
        list[str] | None, typer.Option(help="A prompt with more of it; repeat with --less, in order.")
    ] = None,
    less: Annotated[list[str] | None, typer.Option(help="The same with less of it.")] = None,
    more_music: Annotated[
        list[str] | None, typer.Option(help="Music with more of it: a taste's id, ID:0,2 for its tracks, or take:ID.")
    ] = None,
    less_music: Annotated[list[str] | None, typer.Option(help="Music with less of it; repeat in order.")] = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Makes a concept from pairs of prompts, from pairs of stored music, or from both, and says how well it separates."""
    with _told_errors():
        words = paired("less", more or [], less or [])
        music = [
            (music_of(one), music_of(two)) for one, two in paired("less-music", more_music or [], less_music or [])
        ]
        with _client(address) as client:
            concept = client.compute_concept(name, words, music)
    best = max(concept.layers, key=lambda layer: layer.auc)
    acting = [str(layer) for layer in sorted(concept.layer_gains) if concept.layer_gains[layer]] or ["all"]
    _console.print(concept.unusable_reason or f"acts on layers {', '.join(acting)}; best held-out AUC {best.auc:.2f}")
    print(concept.name)


@app.command()
def reference(
    music: Annotated[
        list[str] | None, typer.Option(help="A taste's id, ID:0,2 for its tracks, or take:ID; may be repeated.")
    ] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="A prompt to make a take of; may be repeated.")] = None,
    compute: Annotated[bool, typer.Option("--compute", help="Computes it from takes of twelve genres.")] = False,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Shows what tastes are taken against, or computes it anew from varied music. Stopped, it goes on in the service."""
    with _told_errors(), _client(address) as client, _progress(as_json) as progress:
        if music or prompt or compute:
            request = extract_pb2.StartStudyRequest(
                kind=extract_pb2.STUDY_KIND_REFERENCE,
                music=[music_of(one) for one in music or []],
                prompts=prompt or [],
            )
            bar = progress.add_task("listening", total=1.0)

            def show(study: extract_pb2.Study) -> None:
                progress.update(bar, completed=study.progress.done, total=study.progress.total)

            client.study(request, on_change=show)
        found = client.reference()
    if as_json:
        print(json_format.MessageToJson(found, preserving_proto_field_name=True))
    else:
        print(f"{found.source.replace('_', ' ')}, {found.piece_count} pieces")


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
    with _told_errors(), _client(address) as client, _progress(as_json) as progress:
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
        limits = study.calibration
        print(
            f"safe from {limits.strength_min:g} ({limits.reason_min}) to {limits.strength_max:g} ({limits.reason_max})"
        )


@app.command()
def models(address: Address = DEFAULT_ADDRESS) -> None:
    """Says which model is loaded and what it can do."""
    with _told_errors(), _client(address) as client:
        print(client.model())


@bench_app.command("load")
def bench_load(
    rate_hz: Annotated[float, typer.Option(min=0.001, help="Arrivals a second, at random (Poisson).")] = 0.2,
    duration_s: Annotated[float, typer.Option(min=1, help="How long listeners keep coming, in seconds.")] = 60.0,
    take_s: Annotated[float, typer.Option(min=1, max=300, help="Length of every take, in seconds.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Repeats the arrivals.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also writes every listener, as JSON.")] = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Sends listeners who come at random and play at once; prints first sound, gaps, underruns and goodput as JSON."""
    plan = Plan(rate_hz=rate_hz, duration_s=duration_s, take_s=take_s, seed=seed)
    with _told_errors(), _progress(as_json=False) as progress:
        task = progress.add_task("listeners arrive", total=duration_s)
        listeners = asyncio.run(bombard(address, plan, lambda done_s: progress.update(task, completed=done_s)))
    figures = summary(plan, listeners)
    if out is not None:
        out.write_text(json.dumps({**figures, "listeners": [asdict(one) for one in listeners]}, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


@keys_app.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="Whose key it is; for you to know it by.")],
    owner: Annotated[str, typer.Option(help="Id of the owner of an earlier key; a new owner where absent.")] = "",
) -> None:
    """Makes an API key and prints it once: only its digest is kept."""
    text, key = _with_keys(lambda keys: keys.issue(name, owner))
    _console.print(f"{key.key_id}  {key.name}, owner {key.owner}. Keep the key: it cannot be shown again.")
    print(text)


@keys_app.command("list")
def list_keys() -> None:
    """Lists the keys that are valid."""

    async def listed(keys: ApiKeys) -> list[ApiKey]:
        return [key async for key in keys.all()]

    for key in _with_keys(listed):
        print(f"{key.key_id}  {key.owner}  {key.name}")


@keys_app.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="The id that `list` shows.")]) -> None:
    """Makes a key worthless within five seconds; what its owner has stays."""
    _with_keys(lambda keys: keys.revoke(key_id))


def _with_keys(work: Callable[[ApiKeys], Coroutine[Any, Any, Result]]) -> Result:
    async def run() -> Result:
        store = await open_store(read_settings())
        try:
            return await work(ApiKeys(store))
        finally:
            await store.close()

    with _told_errors():
        return asyncio.run(run())
    raise AssertionError("errors end the process")


def _client(address: str) -> Client:
    return Client(address, api_key=read_settings().api_key)


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
    show = _shown(progress)
    if len(sources) == 1 and "://" in sources[0]:
        return client.taste_from_url(sources[0], on_change=show)
    return client.taste_from_files(files_of(sources), on_change=show)


def _shown(progress: Progress) -> Callable[[jobs_pb2.Job], None]:
    """Moves a bar with a job."""
    bar = progress.add_task("listening", total=1.0)

    def show(job: jobs_pb2.Job) -> None:
        state = jobs_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_").lower()
        progress.update(bar, completed=job.progress, description=state)

    return show


def _tell_taste(job: jobs_pb2.Job, as_json: bool) -> None:
    if as_json:
        print(json_format.MessageToJson(job, preserving_proto_field_name=True))
        return
    for track in job.tracks:
        _console.print(f"  {track.title}: {track.error.message or f'{track.clips_done} clips'}")
    if job.notice:
        _console.print(f"  {job.notice}")
    print(job.job_id)


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
