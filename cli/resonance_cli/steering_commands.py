"""Commands about steering: `concepts`, `concept`, `reference`, `calibrate`."""

from __future__ import annotations

from typing import Annotated

import typer
from google.protobuf import json_format
from rich.console import Console
from rich.table import Table

from resonance.client.client import DEFAULT_ADDRESS
from resonance.v1 import extract_pb2
from resonance_cli.arguments import paired, parse_music
from resonance_cli.terminal import Address, AsJson, console, exit_on_error, open_client, progress_bar

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
    with exit_on_error():
        words = paired("less", more or [], less or [])
        music = [
            (parse_music(one), parse_music(two))
            for one, two in paired("less-music", more_music or [], less_music or [])
        ]
        with open_client(address) as client:
            concept = client.compute_concept(name, words, music)
    acting = [str(layer) for layer in sorted(concept.layer_gains) if concept.layer_gains[layer]] or ["all"]
    told = concept.notice or f"held-out AUC {concept.separation.auc:.2f}"
    console.print(concept.unusable_reason or f"acts on layers {', '.join(acting)}; {told}")
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
    with exit_on_error(), open_client(address) as client, progress_bar(as_json) as progress:
        if music or prompt or compute:
            request = extract_pb2.StartCalibrationJobRequest(
                kind=extract_pb2.CALIBRATION_JOB_KIND_REFERENCE,
                music=[parse_music(one) for one in music or []],
                prompts=prompt or [],
            )
            bar = progress.add_task("listening", total=1.0)

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
    scan: Annotated[bool, typer.Option("--scan", help="Scans layers instead.")] = False,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Measures a concept's or a taste's safe range. Stopped, it goes on in the service; asked again, it shows where it is."""
    kind = extract_pb2.CALIBRATION_JOB_KIND_LAYERS if scan else extract_pb2.CALIBRATION_JOB_KIND_RANGE
    request = extract_pb2.StartCalibrationJobRequest(kind=kind, concept=concept, taste_id=taste)
    with exit_on_error(), open_client(address) as client, progress_bar(as_json) as progress:
        bar = progress.add_task("rendering", total=1.0)

        def show(calibration_job: extract_pb2.CalibrationJob) -> None:
            progress.update(bar, completed=calibration_job.progress.done, total=calibration_job.progress.total)

        calibration_job = client.calibration_job(request, on_change=show)
    if as_json:
        print(json_format.MessageToJson(calibration_job, preserving_proto_field_name=True))
    elif scan:
        print(f"layers by {calibration_job.layer_basis}:")
        is_held_out = not calibration_job.layer_basis.startswith("norms")
        for layer in calibration_job.layers:
            told = f"AUC {layer.auc:.2f}, separation {layer.separation:+.1f}, " if is_held_out else ""
            print(f"  layer {layer.layer}: {told}norm {layer.norm:.2f}")
        for one in calibration_job.renderings:
            print(
                f"{one.label}: {one.effect_down:+.2f} to {one.effect_up:+.2f}{'' if one.passed else ', fails a gate'}"
            )
    else:
        limits = calibration_job.calibration
        print(
            f"safe from {limits.strength_min:g} ({limits.reason_min}) to {limits.strength_max:g} ({limits.reason_max})"
        )
