"""Phrase bench: open-vocabulary sliders by what the model knows, time to use, and effect on meters.

`python -m benchmarks.steering.phrases` writes benchmarks/results/phrases.md and phrases.json. It measures the embedded model: ten phrases
of its vocabulary and five that it cannot know; and for some phrases the effect of their cautious ends, before any calibration, on meters
that no direction was made with. A random direction of the same norm in each layer stands beside each phrase.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from resonance.errors import InvalidInput
from resonance.settings import Settings
from resonance.steering.direction import Direction
from resonance.steering.ranges import uncalibrated_max
from resonance.store import MemoryStore
from resonance.v1 import extract_pb2
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.concepts.phrases import PhraseConcepts
from resonance_extract.concepts.shipped import put_shipped
from resonance_extract.concepts.store import ConceptStore
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders import load_model

from .bench_directions import BenchDirections, cosine
from .grid import Cell
from .renderer import Renderer
from .scorers import score_clip
from .sizes import PROMPTS

PROMPT: Final = "calm piano for studying"
OTHER_PROMPT: Final = "rock with electric guitar"
KNOWN: Final = (
    "nostalgic",
    "mysterious",
    "church organ",
    "sleepier",
    "drums",
    "explosive",
    "meditation",
    "trumpet",
    "rainy night",
    "party",
)
UNKNOWN: Final = ("dreamier", "purple elephants", "saxophone", "melody", "loop")
# Phrase, meter and the sign that its words mean. The meters are those of the steering bench that need no training.
EFFECTS: Final = (
    ("drums", "onset_strength", 1),
    ("church organ", "onset_strength", -1),
    ("sleepier", "loudness_lufs", -1),
)
CLIP_S: Final = 3.0
PLACES: Final = tuple((prompt, seed) for prompt in PROMPTS[:4] for seed in (71, 72))
RESULTS: Final = Path(__file__).resolve().parents[1] / "results"
Audio = NDArray[np.float32]


@dataclass(slots=True, kw_only=True)
class Reading:
    """How a phrase was read. `wall_s` and `cpu_s` are of the first time; `cosine` is that to the direction under another prompt in hand."""

    phrase: str
    refusal: str = ""
    known_as: str = ""
    auc: float = 0.0
    chance: float = 0.0
    reaction: float = 0.0
    natural_strength: float = 0.0
    cosine: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    notice: str = ""


@dataclass(slots=True, kw_only=True)
class Effect:
    """Effect of a phrase on a meter at both cautious ends: the mean over clips of a clip's score less its unsteered twin's, in standard
    deviations of unsteered clips, with its standard error; and of a random direction of the same norm."""

    phrase: str
    meter: str
    sign: int
    strength: float
    up: tuple[float, float]
    down: tuple[float, float]
    random_up: tuple[float, float]
    random_down: tuple[float, float]


@dataclass(slots=True, kw_only=True)
class Bench:
    """What the bench has found."""

    header: dict[str, Any]
    cold_s: tuple[float, float] = (0.0, 0.0)
    readings: list[Reading] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)


async def read_phrases(model: LoadedModel, found: Bench) -> dict[str, tuple[extract_pb2.Concept, Direction]]:
    """Reads all phrases as the service does, and times them."""
    store = MemoryStore()
    await put_shipped(store, model_digest=model.description.digest)
    worker = ActivationWorker(model)
    references = ReferenceStore(worker, store)
    phrases = PhraseConcepts(worker, store, references, ConceptStore(worker, store, references))
    made: dict[str, tuple[extract_pb2.Concept, Direction]] = {}
    await references.get()
    began, used = time.monotonic(), time.process_time()
    await phrases.find("sad", PROMPT)
    found.cold_s = (time.monotonic() - began, time.process_time() - used)
    for phrase in (*KNOWN, *UNKNOWN):
        began, used = time.monotonic(), time.process_time()
        reading = Reading(phrase=phrase)
        try:
            concept = (await phrases.find(phrase, PROMPT)).concept
        except InvalidInput as refusal:
            reading.refusal = refusal.violations[0].message
        else:
            direction = Direction.from_bytes((await store.get(concept.vector_key)).data)
            made[phrase] = (concept, direction)
        reading.wall_s, reading.cpu_s = time.monotonic() - began, time.process_time() - used
        if phrase in made:
            other = (await phrases.find(phrase, OTHER_PROMPT)).concept
            there = Direction.from_bytes((await store.get(other.vector_key)).data)
            reading.known_as, reading.notice = concept.phrase, concept.notice
            reading.auc, reading.chance = concept.separation.auc, concept.separation.chance
            reading.reaction, reading.natural_strength = concept.reaction, concept.natural_strength
            reading.cosine = cosine(direction.per_layer, there.per_layer)
        found.readings.append(reading)
        print(reading, flush=True)
    worker.close()
    return made


def measure_effects(
    model: LoadedModel, found: Bench, made: dict[str, tuple[extract_pb2.Concept, Direction]], folder: Path
) -> None:
    """Renders each phrase's cautious ends and a random direction of the same norm, and scores the clips."""
    directions: dict[str, Direction] = {}
    gains: dict[str, dict[int, float]] = {}
    for index, (phrase, _, _) in enumerate(EFFECTS):
        concept, direction = made[phrase]
        directions[phrase], directions[f"random {phrase}"] = direction, random_like(direction, index)
        gains[phrase] = gains[f"random {phrase}"] = dict(concept.layer_gains)
    bench = BenchDirections(directions, {}, {}, {}, {}, {}, _NO_REFERENCE, gains=gains)
    renderer = Renderer(model, bench, None, folder)
    plain = _render(renderer, ())
    names = {meter for _, meter, _ in EFFECTS}
    spread = {name: float(np.std([clip[name] for clip in plain], ddof=1)) for name in names}
    for phrase, meter, sign in EFFECTS:
        strength = uncalibrated_max(made[phrase][0].natural_strength)
        sides = []
        for name in (phrase, f"random {phrase}"):
            for at in (strength, -strength):
                clips = _render(renderer, ((name, at),))
                effects = [(clip[meter] - twin[meter]) / spread[meter] for clip, twin in zip(clips, plain, strict=True)]
                sides.append((float(np.mean(effects)), float(np.std(effects, ddof=1) / len(effects) ** 0.5)))
        found.effects.append(
            Effect(
                phrase=phrase,
                meter=meter,
                sign=sign,
                strength=strength,
                up=sides[0],
                down=sides[1],
                random_up=sides[2],
                random_down=sides[3],
            )
        )
        print(found.effects[-1], flush=True)


def random_like(direction: Direction, seed: int) -> Direction:
    """A random direction with the same norm in each layer."""
    drawn = np.random.default_rng(seed).normal(size=direction.per_layer.shape)
    drawn *= np.linalg.norm(direction.per_layer, axis=1, keepdims=True) / np.linalg.norm(drawn, axis=1, keepdims=True)
    return Direction(
        model_digest=direction.model_digest, per_layer=drawn.astype(np.float32), one_to_all=drawn.astype(np.float32)
    )


def _render(renderer: Renderer, pushes: tuple[tuple[str, float], ...]) -> list[dict[str, float]]:
    cells = [Cell(prompt=prompt, seed=seed, clip_s=CLIP_S, pushes=pushes) for prompt, seed in PLACES]
    return [score_clip(clip, None) for clip in renderer.render(cells)]


def report(found: Bench) -> str:
    """The result as a page."""
    head = ", ".join(f"{name} {value}" for name, value in found.header.items())
    lines = [
        "# Open-vocabulary sliders",
        "",
        f"`python -m benchmarks.steering.phrases`: {head}. Prompt in hand: “{PROMPT}”.",
        "",
        f"The first phrase of a process took {found.cold_s[0]:.1f} s ({found.cold_s[1]:.1f} s of CPU), because takes of the neutral "
        "prompts are made once. Later phrases take the times below: wall times on a machine that other work shared, and CPU times.",
        "",
        "## What the model knows",
        "",
        "*Reaction* is the shift of the layers over that by meaningless words. *Cosine* is that of the direction for this prompt in "
        f"hand to the one for “{OTHER_PROMPT}”, the mean over layers. AUC is held out by pair, *chance* its permutation test.",
        "",
        "| phrase | read as | AUC | chance | reaction | natural strength | cosine | s | CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in (one for one in found.readings if not one.refusal):
        lines.append(
            f"| {one.phrase} | {one.known_as} | {one.auc:.2f} | {one.chance:.2f} | {one.reaction:.1f} | {one.natural_strength:.2f} | "
            f"{one.cosine:.2f} | {one.wall_s:.1f} | {one.cpu_s:.2f} |"
        )
    lines += ["", "| phrase | refused because | s |", "|---|---|---|"]
    lines += [f"| {one.phrase} | {one.refusal} | {one.wall_s:.2f} |" for one in found.readings if one.refusal]
    lines += [
        "",
        "## What the meters say",
        "",
        f"{len(PLACES)} clips of {CLIP_S:g} s a side ({len(PLACES) // 2} prompts, two seeds) at the cautious ends, before calibration. "
        "Effects are in standard deviations of unsteered clips, ± one standard error; *meant* is the sign of the upper end.",
        "",
        "| phrase | meter | meant | upper end | lower end | random, upper | random, lower | strength |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for effect in found.effects:
        sides = [effect.up, effect.down, effect.random_up, effect.random_down]
        figures = " | ".join(f"{mean:+.2f} ± {error:.2f}" for mean, error in sides)
        meant = "+" if effect.sign > 0 else "−"
        lines.append(f"| {effect.phrase} | {effect.meter} | {meant} | {figures} | {effect.strength:.2f} |")
    as_meant = sum(one.up[0] * one.sign > 0 and one.down[0] * one.sign < 0 for one in found.effects)
    clear = sum((one.up[0] - one.down[0]) * one.sign > 2 * _error(one.up, one.down) for one in found.effects)
    chance = sum(
        (one.random_up[0] - one.random_down[0]) * one.sign > 2 * _error(one.random_up, one.random_down)
        for one in found.effects
    )
    lines += [
        "",
        f"Both ends move as meant for {as_meant} of {len(found.effects)} phrases. The ends differ as meant by more than two standard "
        f"errors for {clear} (random directions: {chance}).",
        "",
    ]
    return "\n".join(lines)


def _error(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(np.hypot(one[1], other[1]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the bench and writes its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS)
    out: Path = parser.parse_args(arguments).out
    torch.set_num_threads(1)
    model = load_model(Settings())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    header = {
        "commit": commit.strip(),
        "model": f"{model.description.model_id} {model.description.digest[:8]}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}",
    }
    found = Bench(header=header)
    made = asyncio.run(read_phrases(model, found))
    with TemporaryDirectory() as folder:
        measure_effects(model, found, made, Path(folder))
    (out / "phrases.json").write_text(json.dumps(asdict(found), indent=1, ensure_ascii=False) + "\n")
    (out / "phrases.md").write_text(report(found))


_NO_REFERENCE: Any = None  # the renderer adds directions; it reads no reference

if __name__ == "__main__":
    main()
