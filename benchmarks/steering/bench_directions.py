"""Directions of the bench: stored concepts, tastes and shipped concepts.

Shipped concepts are used where they fit the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from resonance.ids import canonical_digest
from resonance.settings import Settings
from resonance.steering.direction import Direction
from resonance.steering.sliders import SLIDER_NAMES
from resonance.store import open_store
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.concepts.shipped import put_shipped
from resonance_extract.concepts.store import ConceptStore
from resonance_extract.directions.layer_scores import best_layers
from resonance_extract.directions.scaling import build_direction
from resonance_extract.directions.statistics import ReferenceStatistics
from resonance_extract.directions.whitening import diagonal
from resonance_model.activations import read_clip
from resonance_model.loaded_model import LoadedModel

from .kinds import NAMES
from .playlists import TRACKS

Array = NDArray[np.float32]
Whiten = Callable[[Array, ReferenceStatistics], Array]
HALVES = (1, 2, 4, 8, 12)  # tracks against as many others


@dataclass(slots=True)
class BenchDirections:
    """Directions by name; `ends` are the sliders' safe ranges and `reasons` why they end there, `gains` their layers, `remaps` their knots
    (slider position, strength), `aucs` the layers' separations, `halves` the tastes' split halves by name and the number of tracks on a
    side. `tag` names the sliders' directions and gains together."""

    directions: dict[str, Direction]
    ends: dict[str, tuple[float, float]]
    aucs: dict[str, list[float]]
    best: dict[str, int]
    unusable: dict[str, str]
    halves: dict[tuple[str, int], float]
    reference: ReferenceStatistics
    gains: dict[str, dict[int, float]] = field(default_factory=dict)
    reasons: dict[str, tuple[str, str]] = field(default_factory=dict)
    remaps: dict[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    tag: str = ""


def open_bench_directions(
    model: LoadedModel, folder: Path, playlists: dict[str, NDArray[np.float32]]
) -> BenchDirections:
    """Computes what the model does not have yet, and keeps it below the folder."""
    return asyncio.run(_open(model, folder, playlists))


async def _open(model: LoadedModel, folder: Path, playlists: dict[str, NDArray[np.float32]]) -> BenchDirections:
    store = await open_store(Settings(data_dir=folder))
    worker = ActivationWorker(model)
    digest = model.description.digest
    await put_shipped(store, model_digest=digest)
    references = ReferenceStore(worker, store)
    concepts = ConceptStore(worker, store, references)
    await concepts.prepare_sliders()
    reference = await references.get()
    bench = BenchDirections({}, {}, {}, {}, {}, {}, reference)
    for name in SLIDER_NAMES:
        concept = await concepts.get(name)
        direction = Direction.from_bytes((await store.get(concept.vector_key)).data)
        bench.directions[name] = _with_baselines(direction, reference)
        bench.directions[f"{name}:whitened"] = _whitened(direction, reference)
        bench.directions[f"{name}:random"] = _with_baselines(_random(direction, SLIDER_NAMES.index(name)), reference)
        limits = concept.calibration
        bold = concept.natural_strength or 2.0
        is_known = concept.HasField("calibration")
        low, high = (limits.strength_min, limits.strength_max) if is_known else (-bold, bold)
        bench.ends[name] = (round(low, 4), round(high, 4))
        bench.reasons[name] = (limits.reason_min, limits.reason_max)
        bench.remaps[name] = tuple((knot.position, knot.strength) for knot in limits.remap)
        bench.gains[name] = bench.gains[f"{name}:whitened"] = bench.gains[f"{name}:random"] = dict(concept.layer_gains)
        bench.tag = canonical_digest([bench.tag, concept.vector_sha256, sorted(concept.layer_gains.items())])[:8]
        bench.aucs[name] = [score.auc for score in concept.layers]
        bench.best[name] = best_layers(concept.layers)[0]
        bench.unusable[name] = concept.unusable_reason
    await store.close()
    await asyncio.to_thread(worker.close)
    varied = varied_mean(model, folder) if playlists else reference.mean
    for name, means in read_playlists(model, folder, playlists).items():
        _add_taste(bench, digest, name, means, varied)
    return bench


def varied_mean(model: LoadedModel, folder: Path) -> NDArray[np.float32]:
    """The mean states of 32 pieces of our composer that are in no playlist, heard as a taste's tracks are, `[layers, hidden]`."""
    path = folder / "varied.npy"
    if not path.exists():
        from model.training.compose import compose
        from model.training.render import render_piece
        from model.training.synth import Synth

        synth = Synth()
        pieces = [np.resize(render_piece(synth, compose(70_000_000 + index)), 160_000) for index in range(32)]
        heard = [read_clip(model, torch.from_numpy(piece.astype(np.float32))).mean.numpy() for piece in pieces]
        np.save(path, np.mean(heard, axis=0).astype(np.float32))
    found: NDArray[np.float32] = np.load(path)
    return found


def read_playlists(
    model: LoadedModel, folder: Path, playlists: dict[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """What the layers say of the tracks, `[2 * TRACKS, layers, hidden]` by name. Heard once below the folder."""
    path = folder / f"heard-{2 * TRACKS}.npz"
    if playlists and not path.exists():
        heard = {
            name: np.stack([read_clip(model, torch.from_numpy(track)).mean.numpy() for track in tracks])
            for name, tracks in playlists.items()
        }
        np.savez(path, **{name: means.astype(np.float32) for name, means in heard.items()})
    if not playlists:
        return {}
    stored = np.load(path)
    return {name: stored[name] for name in NAMES}


def _add_taste(
    bench: BenchDirections, digest: str, name: str, means: NDArray[np.float32], varied: NDArray[np.float32]
) -> None:
    reference = bench.reference
    nothing = np.zeros_like(varied)
    for kind, against, whiten in (
        ("varied", varied, None),
        ("contrast", reference.mean, None),
        ("mean", nothing, None),
        ("whitened", reference.mean, diagonal),
    ):

        def difference(tracks: NDArray[np.float32], against: Array = against, whiten: Whiten | None = whiten) -> Array:
            found = tracks.mean(0) - against
            return found if whiten is None else whiten(found, reference)

        bench.directions[f"taste:{name}:{kind}"] = build_direction(
            difference(means[:TRACKS]), reference, model_digest=digest
        )
        for count in HALVES:
            half, other = means[: 2 * count : 2], means[1 : 2 * count : 2]
            bench.halves[f"taste:{name}:{kind}", count] = cosine(difference(half), difference(other))


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The mean over layers of the cosine between two `[layers, hidden]`."""
    products = (one * other).sum(1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1) + 1e-12)
    return float(products.mean())


def _with_baselines(direction: Direction, reference: ReferenceStatistics) -> Direction:
    forms = (direction.per_layer, direction.one_to_all)
    return replace(direction, baselines=np.stack([(form * reference.mean).sum(1) for form in forms]).astype(np.float32))


def _whitened(direction: Direction, reference: ReferenceStatistics) -> Direction:
    """The same difference of means, whitened: a stored direction is parallel to it."""
    whitened = diagonal(direction.per_layer, reference)
    return build_direction(whitened, reference, model_digest=direction.model_digest)


def _random(direction: Direction, seed: int) -> Direction:
    """A direction drawn at random (Gaussian), as long as this one in every layer: the control of what a push does by its size alone."""
    drawn = np.random.default_rng(seed).normal(size=direction.per_layer.shape).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    forms = {
        name: drawn * np.linalg.norm(form, axis=1, keepdims=True)
        for name, form in (("per_layer", direction.per_layer), ("one_to_all", direction.one_to_all))
    }
    return replace(direction, **forms)
