"""Commands `concepts`, `concept`, `reference`, `calibrate`."""

from __future__ import annotations

from typing import Annotated

import typer
from google.protobuf import json_format
from rich.console import Console
from rich.table import Table

from resonance.client.client import DEFAULT_ADDRESS
from resonance.v1 import extract_pb2
from resonance_cli.arguments import pair_up, parse_music
from resonance_cli.clients import open_client
from resonance_cli.terminal import Address, AsJson, console, exit_on_error, progress_bar

app = typer.Typer()


@app.command()
def concepts(address: Address = DEFAULT_ADDRESS) -> None:
    """Lists the concepts of the loaded model."""
    with exit_on_error(), open_client(address) as client:
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
                concept.notice or (f"{best.layer} ({best.auc:.2f})" if best is not None else ""),
                ", ".join(str(layer) for layer in sorted(concept.layer_gains) if concept.layer_gains[layer]) or "all",
            )
    Console().print(table)


@app.command("concept")
def make_concept(
    name: Annotated[str, typer.Argument(help="Name of the concept.")],
    more: Annotated[
        list[str] | None, typer.Option(help="A prompt with more of it; repeat with --less, in order.")
    ] = None,
    less: Annotated[list[str] | None, typer.Option(help="A prompt with less of it.")] = None,
    more_music: Annotated[
        list[str] | None, typer.Option(help="Music with more of it: a taste's id, ID:0,2 for its tracks, or take:ID.")
    ] = None,
    less_music: Annotated[list[str] | None, typer.Option(help="Music with less of it; repeat in order.")] = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Makes a concept from pairs of prompts, of stored music, or of both, and prints its held-out AUC."""
    with exit_on_error():
        words = pair_up("less", more or [], less or [])
        music = [
            (parse_music(one), parse_music(two))
            for one, two in pair_up("less-music", more_music or [], less_music or [])
        ]
        with open_client(address) as client:
            concept = client.compute_concept(name, words, music)
    acting = [str(layer) for layer in sorted(concept.layer_gains) if concept.layer_gains[layer]] or ["all"]
    quality = concept.notice or f"held-out AUC {concept.separation.auc:.2f}"
    console.print(concept.unusable_reason or f"acts on layers {', '.join(acting)}; {quality}")
    print(concept.name)


@app.command()
def reference(
    music: Annotated[
        list[str] | None, typer.Option(help="A taste's id, ID:0,2 for its tracks, or take:ID; may be repeated.")
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(help="A prompt for a take of the reference; may be repeated.")
    ] = None,
    compute: Annotated[
        bool, typer.Option("--compute", help="Computes the reference from takes of twelve genres.")
    ] = False,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Shows the reference that tastes are contrasted with, or computes it from varied music. The job survives this command."""
    with exit_on_error(), open_client(address) as client, progress_bar(as_json) as progress:
        if music or prompt or compute:
            request = extract_pb2.StartCalibrationJobRequest(
                kind=extract_pb2.CALIBRATION_JOB_KIND_REFERENCE,
                music=[parse_music(one) for one in music or []],
                prompts=prompt or [],
            )
            bar = progress.add_task("computing", total=1.0)

            def show(calibration_job: extract_pb2.CalibrationJob) -> None:
                progress.update(bar, completed=calibration_job.progress.done, total=calibration_job.progress.total)

            client.calibration_job(request, on_change=show)
        found = client.reference()
    if as_json:
        print(json_format.MessageToJson(found, preserving_proto_field_name=True))
    else:
        print(f"{found.source.replace('_', ' ')}, {found.piece_count} pieces")


@app.command()
def calibrate(
    concept: Annotated[str, typer.Option(help="A concept's name.")] = "",
    taste: Annotated[str, typer.Option(help="A taste's id.")] = "",
    layers: Annotated[bool, typer.Option("--layers", help="Scores and renders layers instead of a range.")] = False,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Measures the safe range of a concept or a taste. The job survives this command; the same command follows it again."""
    kind = extract_pb2.CALIBRATION_JOB_KIND_LAYERS if layers else extract_pb2.CALIBRATION_JOB_KIND_RANGE
    request = extract_pb2.StartCalibrationJobRequest(kind=kind, concept=concept, taste_id=taste)
    with exit_on_error(), open_client(address) as client, progress_bar(as_json) as progress:
        bar = progress.add_task("rendering", total=1.0)

        def show(calibration_job: extract_pb2.CalibrationJob) -> None:
            progress.update(bar, completed=calibration_job.progress.done, total=calibration_job.progress.total)

        calibration_job = client.calibration_job(request, on_change=show)
    if as_json:
        print(json_format.MessageToJson(calibration_job, preserving_proto_field_name=True))
    elif layers:
        print(f"layers by {calibration_job.layer_basis}:")
        is_held_out = not calibration_job.layer_basis.startswith("norms")
        for layer in calibration_job.layers:
            scores = f"AUC {layer.auc:.2f}, separation {layer.separation:+.1f}, " if is_held_out else ""
            print(f"  layer {layer.layer}: {scores}norm {layer.norm:.2f}")
        for one in calibration_job.renderings:
            print(
                f"{one.label}: {one.effect_down:+.2f} to {one.effect_up:+.2f}{'' if one.passed else ', fails a gate'}"
            )
    else:
        limits = calibration_job.calibration
        print(
            f"safe from {limits.strength_min:g} ({limits.reason_min}) to {limits.strength_max:g} ({limits.reason_max})"
        )
