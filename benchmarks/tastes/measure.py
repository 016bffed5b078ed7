"""Measurements of takes and tastes.

Takes and tastes that are not made yet are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .judges import Bench, Judge
from .manifest import FIRST_FOUR, PLAYLISTS
from .motion import harmonic_motion
from .product import Taste
from .scoring import Classes, confusion, cosine, interval, right_of_all, right_of_some
from .sound import load, loudness
from .takes import ASKED, Cell

Array = NDArray[np.float64]
Made = Mapping[Cell, Path]


def recognition(bench: Bench, judge: Judge, classes: Classes, made: Made, arm: str) -> dict[str, Any]:
    """How often the takes of an arm are named as the playlist that made them, of eight, of all fours, and of the first four."""
    heard = {name: _embeddings(bench, judge, made, arm, name) for name in PLAYLISTS}
    near = {name: classes.nearness(one) for name, one in heard.items() if len(one)}
    if not set(FIRST_FOUR) <= set(near):
        return {}
    firsts = [PLAYLISTS.index(name) for name in FIRST_FOUR]
    of_all = {name: right_of_all(one, PLAYLISTS.index(name)) for name, one in near.items()}
    of_four = {name: right_of_some(one, PLAYLISTS.index(name)) for name, one in near.items()}
    first_four = {name: right_of_all(near[name][:, firsts], at) for at, name in enumerate(FIRST_FOUR)}
    return {
        "takes": sum(len(one) for one in near.values()),
        "of_eight": _pooled(of_all),
        "of_four": _pooled(of_four),
        "of_first_four": _pooled(first_four),
        "of_eight_by_playlist": {name: _share(one) for name, one in of_all.items()},
        "of_four_by_playlist": {name: _share(one) for name, one in of_four.items()},
        "of_first_four_by_playlist": {name: _share(one) for name, one in first_four.items()},
        "named": {name: row.round(3).tolist() for name, row in zip(near, confusion(list(near.values())), strict=True)},
    }


def untasted(bench: Bench, judge: Judge, classes: Classes, made: Made) -> dict[str, float]:
    """What takes without a taste are named as: the playlists towards which the model itself leans."""
    heard = _embeddings(bench, judge, made, "no taste", "")
    if not len(heard):
        return {}
    named = classes.nearness(heard).argmax(axis=1)
    return {name: float((named == at).mean()) for at, name in enumerate(PLAYLISTS)}


def _embeddings(bench: Bench, judge: Judge, made: Made, arm: str, playlist: str) -> Array:
    paths = [path for cell, path in made.items() if (cell.arm, cell.playlist) == (arm, playlist)]
    return np.stack([bench.take(judge, path) for path in paths]) if paths else np.zeros((0, 1))


def _pooled(right: Mapping[str, Array]) -> dict[str, Any]:
    return _share(np.concatenate(list(right.values())))


def _share(right: Array) -> dict[str, Any]:
    share = float(right.mean())
    return {"share": share, "interval": list(interval(share, len(right))), "takes": len(right)}


def once(path: Path, name: str, measure: Callable[[Path], float]) -> float:
    """A measurement of a file, kept beside it."""
    kept = path.with_suffix(f".{name}.json")
    if not kept.exists():
        kept.write_text(json.dumps(measure(path)))
    return float(json.loads(kept.read_text()))


def level(path: Path) -> float:
    """A take's integrated loudness in LUFS; -70, the gate, where it is silent."""
    return once(path, "lufs", lambda one: max(-70.0, loudness(load(one))))


def moved(path: Path) -> float:
    """A take's harmonic motion."""
    return once(path, "motion", lambda one: harmonic_motion(load(one)))


def levels(made: Made) -> dict[str, Any]:
    """Each playlist's takes against the untasted take of the same prompt and seed, in LU: median, and the least and the most."""
    plain = {(cell.prompt, cell.seed): level(path) for cell, path in made.items() if cell.arm == "no taste"}
    found: dict[str, Any] = {}
    for name in PLAYLISTS:
        pairs = [
            (level(path), plain[cell.prompt, cell.seed])
            for cell, path in made.items()
            if (cell.arm, cell.playlist) == ("taste", name) and (cell.prompt, cell.seed) in plain
        ]
        if pairs:
            apart = np.array([mine - theirs for mine, theirs in pairs])
            found[name] = {
                "lufs": float(np.median([mine for mine, _ in pairs])),
                "against_untasted": float(np.median(apart)),
                "least": float(apart.min()),
                "most": float(apart.max()),
            }
    if plain:
        found["no taste"] = {"lufs": float(np.median(list(plain.values())))}
    return found


def motions(made: Made, songs: Mapping[str, Sequence[Path]], seconds_of: Callable[[Path], float]) -> dict[str, Any]:
    """The median harmonic motion of takes by arm and playlist, and of the playlists' own songs (8 s from their middle)."""
    found: dict[str, Any] = {}
    plain = [moved(path) for cell, path in made.items() if cell.arm == "no taste"]
    if plain:
        found["no taste"] = float(np.nanmedian(plain))
    for name in PLAYLISTS:
        mine = [moved(path) for cell, path in made.items() if (cell.arm, cell.playlist) == ("taste", name)]
        real = [seconds_of(path) for path in songs[name]]
        found[name] = {"songs": float(np.nanmedian(real)), "takes": float(np.nanmedian(mine)) if mine else None}
    return found


def words_obeyed(bench: Bench, tagger: Judge, made: Made) -> dict[str, Any]:
    """Whether a take's tag stands out, by the outside tagger, where its prompt asked for it.

    Each tag's likelihood is put in units of its mean and spread over the untasted takes of all prompts; a prompt is obeyed where of the
    six asked tags its own stands out most. Chance is one in six.
    """
    index = [list(bench.tag_names(tagger)).index(tag) for tag in ASKED.values()]
    heard = {
        cell: np.log(bench.tags(tagger, path)[index] + 1e-3) for cell, path in made.items() if cell.prompt in ASKED
    }
    plain = np.array([tags for cell, tags in heard.items() if cell.arm == "asked"])
    if len(plain) < 2 * len(ASKED):
        return {}
    centre, spread = plain.mean(axis=0), plain.std(axis=0) + 1e-6
    prompts = list(ASKED)
    right = {
        cell: float(((tags - centre) / spread).argmax() == prompts.index(cell.prompt)) for cell, tags in heard.items()
    }
    found: dict[str, Any] = {"without": _share(np.array([hit for cell, hit in right.items() if cell.arm == "asked"]))}
    for name in PLAYLISTS:
        mine = [hit for cell, hit in right.items() if (cell.arm, cell.playlist) == ("asked with taste", name)]
        if mine:
            found.setdefault("by_playlist", {})[name] = float(np.mean(mine))
    tasted = [hit for cell, hit in right.items() if cell.arm == "asked with taste"]
    if tasted:
        found["with"] = _share(np.array(tasted))
    return found


def invariance(
    variants: Mapping[str, Taste], others: Mapping[str, Taste], wanted: Callable[[str], float]
) -> dict[str, Any]:
    """Each variant's cosine to the plain file's taste, and the nearest of the other songs: cosine and name."""
    if "plain" not in variants:
        return {}
    plain, found = variants["plain"].direction, {}
    for name, taste in variants.items():
        near = {title: cosine(taste.direction, other.direction) for title, other in others.items()}
        nearest = max(near, key=lambda title: near[title], default="")
        mine = cosine(taste.direction, plain)
        other = near.get(nearest, float("nan"))
        is_kept = mine >= wanted(name) and not mine <= other
        found[name] = {"cosine": mine, "nearest_other": nearest, "its_cosine": other, "is_kept": is_kept}
    return found


def by_direction(tastes: Mapping[str, Sequence[Taste]], held: Mapping[str, Sequence[Taste]]) -> dict[str, Any]:
    """What the directions know by themselves, without any model obeying them: single songs' tastes put to the nearest playlist.

    A playlist's direction is the mean of its songs' unit rows, layer by layer. Songs of the taste are left out of their own playlist's
    mean; held-out songs are in none. Cosines are taken layer by layer and averaged; `by_layer` names each layer's own share. `centred`
    takes the mean of all playlists' directions out first: what all real songs share against the reference tells no playlist from another.
    """
    names = [name for name in PLAYLISTS if len(tastes.get(name, ())) > 1]
    if len(names) < 2:
        return {}
    found: dict[str, Any] = {"playlists": names}
    for is_centred in (False, True):
        word = "centred" if is_centred else "plain"
        own = _classified(names, tastes, tastes, is_centred=is_centred, leave_out=True)
        found[f"{word}_leave_one_out"] = own
        if all(held.get(name) for name in names):
            found[f"{word}_held"] = _classified(names, tastes, held, is_centred=is_centred, leave_out=False)
    return found


def _classified(
    names: Sequence[str],
    tastes: Mapping[str, Sequence[Taste]],
    asked: Mapping[str, Sequence[Taste]],
    *,
    is_centred: bool,
    leave_out: bool,
) -> dict[str, Any]:
    near, layers = [], []
    rows = {name: np.stack([_unit(one.direction) for one in tastes[name]]) for name in names}
    for name in names:
        mine = []
        for at, taste in enumerate(asked[name]):
            means = []
            for other in names:
                kept = np.delete(rows[other], at, axis=0) if leave_out and other == name else rows[other]
                means.append(kept.mean(axis=0))
            stack, own = np.stack(means), _unit(taste.direction)  # [playlists, layers, hidden]
            centre = stack.mean(axis=0) if is_centred else 0.0
            mine.append(np.sum(_unit(stack - centre) * _unit(own - centre), axis=-1))
        near.append(np.stack(mine).mean(axis=2))
        layers.append(np.stack(mine))
    truths = range(len(names))
    of_all = [right_of_all(one, truth) for truth, one in zip(truths, near, strict=True)]
    return {
        "of_all": _share(np.concatenate(of_all)),
        "of_four": _share(np.concatenate([right_of_some(one, at) for at, one in zip(truths, near, strict=True)])),
        "by_playlist": {name: float(one.mean()) for name, one in zip(names, of_all, strict=True)},
        "confusion": confusion(near).round(3).tolist(),
        "by_layer": [
            float(np.concatenate([right_of_all(one[:, :, layer], at) for at, one in enumerate(layers)]).mean())
            for layer in range(layers[0].shape[2])
        ],
    }


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12))
