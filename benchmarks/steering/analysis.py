"""Score analysis: paired effects, monotony, specificity, quality, stacking, tastes, variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from resonance.steering.sliders import SLIDER_NAMES
from resonance_extract.calibration.frechet import frechet_ratio
from resonance_extract.calibration.quality import Quality, failed_gates

from .bench_directions import HALVES, BenchDirections, cosine
from .grid import (
    TASTE_KINDS,
    Cell,
    held_cells,
    random_cells,
    slider_cells,
    stack_cells,
    taste_cells,
    unsteered_cells,
    variant_cells,
    worded_cells,
)
from .judges import Judges
from .playlists import TRACKS
from .renderer import Renderer
from .scorers import OWN
from .sizes import Size
from .steps import uneven

Array = NDArray[np.float64]
HALF_NORMAL = float(np.sqrt(2 / np.pi))  # the mean absolute value of a standard normal variable


class Analysis:
    """Everything is paired: a clip's effect is its score less that of its unsteered pair, in standard deviations of unsteered clips."""

    def __init__(self, renderer: Renderer, size: Size, bench: BenchDirections, judges: Judges | None = None) -> None:
        self._judges = judges
        self._renderer = renderer
        self._size = size
        self._bench = bench
        plain = [renderer.row(cell) for cell in unsteered_cells(size)]
        names = plain[0]["scores"].keys()
        self._spread = {name: float(np.nanstd([row["scores"][name] for row in plain])) or 1.0 for name in names}
        self.plain = plain

    # --- effects

    def effect(self, cell: Cell, slider: str, pair: Cell | None = None) -> float:
        """How far the clip moved from its pair in what the slider is about, in standard deviations of unsteered clips."""
        ours, theirs = (self._renderer.row(one)["scores"] for one in (cell, pair or cell.unsteered))
        moves = [(ours[name] - theirs[name]) / self._spread[name] for name in OWN[slider] if np.isfinite(ours[name])]
        return float(np.mean(moves)) if moves else float("nan")

    def mean_effect(self, cells: Sequence[Cell], slider: str) -> float:
        """The mean over clips."""
        return float(np.mean([self.effect(cell, slider) for cell in cells]))

    def ratio(self, cells: Sequence[Cell], name: str) -> float:
        """The mean score over the unsteered cells' mean score, less 1."""
        ours = np.mean([self._renderer.row(cell)["scores"][name] for cell in cells])
        theirs = np.mean([self._renderer.row(cell.unsteered)["scores"][name] for cell in cells])
        return float(ours / theirs - 1) if theirs else float("nan")

    def tempo_ratio(self, cells: Sequence[Cell]) -> tuple[float, float, float]:
        """The mean tempo change (of the geometric means); the same with every clip's change folded into half an octave to both sides, as
        if what is larger were a tracker's octave error; and the share of clips that were folded."""
        octaves = np.array(
            [
                self._renderer.row(cell)["scores"]["tempo_octaves"]
                - self._renderer.row(cell.unsteered)["scores"]["tempo_octaves"]
                for cell in cells
            ]
        )
        folded = (octaves + 0.5) % 1.0 - 0.5
        return float(2 ** octaves.mean() - 1), float(2 ** folded.mean() - 1), float((np.abs(octaves) > 0.5).mean())

    def failures(self, cells: Sequence[Cell]) -> list[str]:
        """Per clip the gates that it fails against its pair, joined; clips that pass are left out."""
        failed = [
            failed_gates(_quality(self._renderer.row(cell)), _quality(self._renderer.row(cell.unsteered)))
            for cell in cells
        ]
        return ["+".join(gates) for gates in failed if gates]

    # --- sliders

    def sliders(self) -> dict[str, Any]:
        """Per slider: its curve, its goals, and what it does to the others."""
        grid, found = slider_cells(self._size, self._bench.ends), {}
        for name in SLIDER_NAMES:
            if not all(self._renderer.has(cells) for (one, _), cells in grid.items() if one == name):
                continue
            strengths = sorted(strength for one, strength in grid if one == name)
            if not strengths:
                continue
            curve = {0.0: 0.0} | {strength: self.mean_effect(grid[name, strength], name) for strength in strengths}
            failures = {strength: self.failures(grid[name, strength]) for strength in strengths}
            found[name] = {
                "unusable": self._bench.unusable[name],
                "ends": self._bench.ends[name],
                "reasons": self._bench.reasons[name],
                "gains": {str(layer): gain for layer, gain in self._bench.gains[name].items()},
                "curve": {f"{strength:g}": curve[strength] for strength in sorted(curve)},
                "failed_clips": {f"{strength:g}": failures[strength] for strength in strengths},
                "clips": {f"{strength:g}": len(grid[name, strength]) for strength in strengths},
                "own_range": _own_range(
                    {strength: len(failures[strength]) / len(grid[name, strength]) for strength in strengths}
                ),
                "auc": self._bench.aucs[name],
                "sides": {
                    sign_name: self._side(name, sign, grid, curve, failures)
                    for sign_name, sign in (("up", 1), ("down", -1))
                },
            }
        return found

    def _side(
        self,
        name: str,
        sign: int,
        grid: dict[tuple[str, float], list[Cell]],
        curve: dict[float, float],
        failures: dict[float, list[str]],
    ) -> dict[str, Any]:
        end = self._bench.ends[name][1 if sign > 0 else 0]
        inside = sorted((s for s in curve if s * sign >= 0 and abs(s) <= abs(end) + 1e-9), key=abs)
        everywhere = sorted((s for s in curve if s * sign >= 0), key=abs)
        top = inside[-1]
        side: dict[str, Any] = {
            "end": end,
            "spearman_all": _monotony([s * sign for s in everywhere], [curve[s] * sign for s in everywhere]),
            "largest_own": max((curve[s] * sign for s in everywhere), default=0.0),
        }
        if top == 0.0:
            return side | {"closed": True}
        cells = grid[name, top]
        return side | {
            "closed": False,
            "top": top,
            "spearman": _monotony([s * sign for s in inside], [curve[s] * sign for s in inside]),
            "own": curve[top] * sign,
            "uneven": uneven(curve, self._bench.remaps[name], end),
            "uneven_straight": uneven(curve, (), end),
            "failed": len(failures[top]),
            "clips": len(cells),
            **self._specificity(name, cells, own=curve[top] * sign),
            **self._audible(cells),
            # Of as many clips as chance has: the ratio grows with their number, because the unsteered cells' own distance falls.
            "frechet": self.frechet_ratio(cells[: len(unsteered_cells(self._size)) // 2]),
        }

    def _specificity(self, name: str, cells: list[Cell], *, own: float) -> dict[str, float]:
        """The effect on the slider's own scores beside that on the other sliders' scores, with errors."""
        moved = {other: [self.effect(cell, other) for cell in cells] for other in SLIDER_NAMES}
        others = [abs(float(np.mean(moves))) for other, moves in moved.items() if other != name]
        errors = [_error(moves) for other, moves in moved.items() if other != name]
        return {
            "others": float(np.nanmean(others)),
            "specificity": own / max(float(np.nanmean(others)), 1e-9),
            "own_error": _error(moved[name]),
            "others_by_chance": float(np.nanmean(errors)) * HALF_NORMAL,
        }

    def _audible(self, cells: list[Cell]) -> dict[str, float]:
        """Changes of tempo, onsets, low frequencies and loudness, in units that a listener knows."""
        tempo, tempo_folded, octaves_apart = self.tempo_ratio(cells)
        pairs = [(self._renderer.row(cell)["scores"], self._renderer.row(cell.unsteered)["scores"]) for cell in cells]
        return {
            "tempo": tempo,
            "tempo_folded": tempo_folded,
            "octaves_apart": octaves_apart,
            "onsets": self.ratio(cells, "onsets_per_s"),
            "low_share": self.ratio(cells, "low_share"),
            "loudness_db": float(np.mean([ours["loudness_lufs"] - theirs["loudness_lufs"] for ours, theirs in pairs])),
        }

    def worded(self) -> dict[str, Any]:
        """Per slider and side, the effect of its own words in the prompt, without steering."""
        found: dict[str, Any] = {}
        for (name, sign), pairs in worded_cells(self._size).items():
            if not all(self._renderer.has(pair) for pair in pairs):
                continue
            moved = {one: [sign * self.effect(cell, one, pair) for cell, pair in pairs] for one in SLIDER_NAMES}
            own = float(np.mean(moved[name]))
            others = float(np.nanmean([abs(np.mean(moves)) for one, moves in moved.items() if one != name]))
            found.setdefault(name, {})["up" if sign > 0 else "down"] = {
                "own": own,
                "own_error": _error(moved[name]),
                "others": others,
                "specificity": own / max(others, 1e-9),
                "clips": len(pairs),
            }
        return found

    def random(self) -> dict[str, Any]:
        """Per slider and side, what a random direction of the slider's length does to the slider's scores and to the others'."""
        found: dict[str, Any] = {}
        for (name, end), cells in random_cells(self._size, self._bench.ends).items():
            if not self._renderer.has([*cells, *(cell.unsteered for cell in cells)]):
                continue
            sign = 1 if end > 0 else -1
            moved = {one: [sign * self.effect(cell, one) for cell in cells] for one in SLIDER_NAMES}
            others = [abs(float(np.mean(moves))) for one, moves in moved.items() if one != name]
            found.setdefault(name, {})["up" if sign > 0 else "down"] = {
                "end": end,
                "own": float(np.mean(moved[name])),
                "own_error": _error(moved[name]),
                "others": float(np.nanmean(others)),
                "failed": len(self.failures(cells)),
                "clips": len(cells),
            }
        return found

    def side_effects(self) -> dict[str, list[float]]:
        """Seven by seven: what pushing a slider to its upper end less pushing it to its lower one does to each score; of a slider with one
        open side, that side alone."""
        grid, table = slider_cells(self._size, self._bench.ends), {}
        for name in SLIDER_NAMES:
            sides = [(np.sign(end), grid[name, end]) for end in self._bench.ends[name] if end]
            if not sides or not all(self._renderer.has(cells) for _, cells in sides):
                continue
            table[name] = [
                float(np.mean([sign * self.mean_effect(cells, other) for sign, cells in sides]))
                for other in SLIDER_NAMES
            ]
        return table

    # --- quality

    def frechet_ratio(self, cells: Sequence[Cell]) -> float:
        """The Frechet distance of the clips from unsteered clips of other seeds, over that of their own unsteered cells from the same."""
        half = len(unsteered_cells(self._size)) // 2
        others, theirs = (
            self._embeddings(unsteered_cells(self._size)[half:]),
            self._embeddings([cell.unsteered for cell in cells]),
        )
        return frechet_ratio(self._embeddings(cells), theirs, others)

    def chance(self) -> float:
        """The same of unsteered clips with a third seed: what 1.25 is to be held against."""
        half = len(unsteered_cells(self._size)) // 2
        first, others = unsteered_cells(self._size)[:half], self._embeddings(unsteered_cells(self._size)[half:])
        third = [replace(cell, seed=cell.seed + 2000) for cell in first]
        if not self._renderer.has(third):
            return float("nan")
        return frechet_ratio(self._embeddings(third), self._embeddings(first), others)

    def _embeddings(self, cells: Sequence[Cell]) -> Array:
        """What the Frechet distance looks at: without the level, which has a gate of its own."""
        return np.array([self._renderer.row(cell)["embedding_at_one_level"] for cell in cells])

    # --- several at once

    def stacking(self) -> dict[str, Any]:
        """The share of pairs and triples in which every part moves as asked, on the mean over prompts, for each way of stacking."""
        found = {}
        for way in ("joint", "sum"):
            groups = {
                group: cells
                for group, cells in stack_cells(self._size, self._bench.ends, way).items()
                if self._renderer.has(cells)
            }
            for count, word in ((2, "pairs"), (3, "triples")):
                chosen = [(group, cells) for group, cells in groups.items() if len(group) == count]
                moves = [[sign * self.mean_effect(cells, name) for name, sign in group] for group, cells in chosen]
                if moves:
                    found[f"{word}_{way}"] = {
                        "count": len(moves),
                        "clips": len(chosen[0][1]),
                        "as_asked": float(np.mean([min(one) > 0 for one in moves])),
                        "parts_as_asked": float(np.mean([part > 0 for one in moves for part in one])),
                        "weakest_part": float(np.mean([min(one) for one in moves])),
                    }
        return found

    # --- tastes

    def tastes(self, names: Sequence[str], words: dict[str, str], marks: dict[str, Array]) -> dict[str, Any]:
        """How often the right playlist of steered clips is picked: by the judge, and as the nearest of held-out centroids."""
        held = np.stack([marks[name][TRACKS:].mean(0) for name in names])
        scale = np.concatenate([marks[name] for name in names]).std(0) + 1e-6
        known = np.mean(
            [
                [_nearest((mark[None] - held) / scale) == index for mark in marks[name][:TRACKS]]
                for index, name in enumerate(names)
            ]
        )
        picks: dict[str, list[bool]] = {}
        judged: dict[str, list[bool]] = {}
        steered: dict[str, list[Cell]] = {}
        shifts: dict[str, list[bool]] = {}
        centre = held.mean(0)
        for (kind, name, strength), cells in taste_cells(self._size, list(names), words).items():
            if not self._renderer.has(cells):
                continue
            label = kind if kind == "words" else f"{kind} {strength:g}"
            if kind != "words":
                steered.setdefault(label, []).extend(cells)
            twin_cells = [
                Cell(prompt=c.prompt.split(f", {words[name]}")[0], seed=c.seed, clip_s=c.clip_s) for c in cells
            ]
            for cell, pair in zip(cells, twin_cells, strict=True):
                mark = np.array(self._renderer.row(cell)["embedding"])
                if self._judges is not None:
                    judged.setdefault(label, []).append(self._judges.kinds(mark[None]) == [name])
                picks.setdefault(label, []).append(_nearest((mark[None] - held) / scale) == names.index(name))
                if self._renderer.has([pair]):
                    # What steering changed, against what sets each playlist apart: the prompt's own sound is taken out.
                    change = (mark - np.array(self._renderer.row(pair)["embedding"])) / scale
                    apart = (held - centre) / scale
                    likeness = (apart @ change) / (np.linalg.norm(apart, axis=1) + 1e-9)
                    shifts.setdefault(label, []).append(int(np.argmax(likeness)) == names.index(name))
        return {
            "chance": 1 / len(names),
            "real_tracks": float(known),
            "real_tracks_judged": self._judged_tracks(names, marks),
            "judged": {label: float(np.mean(one)) for label, one in judged.items()},
            "nearest": {label: float(np.mean(one)) for label, one in picks.items()},
            "change_points_at": {label: float(np.mean(one)) for label, one in shifts.items()},
            "clips": {label: len(one) for label, one in picks.items()},
            "failed": {label: len(self.failures(cells)) for label, cells in steered.items()},
            "frechet": {label: self.frechet_ratio(cells) for label, cells in steered.items()},
            "split_half": {
                kind: {str(count): _of_kind(self._bench.halves, kind, count) for count in HALVES}
                for kind in TASTE_KINDS
            },
            "between": {kind: self._between(names, kind) for kind in TASTE_KINDS},
        }

    def _judged_tracks(self, names: Sequence[str], marks: dict[str, Array]) -> float:
        """The share of the playlists' own tracks that the judge puts right: what a steered clip is to be held against."""
        if self._judges is None:
            return float("nan")
        return float(np.mean([[kind == name for kind in self._judges.kinds(marks[name])] for name in names]))

    def _between(self, names: Sequence[str], kind: str) -> list[list[float]]:
        """The cosine matrix of the tastes."""
        rows = [self._bench.directions[f"taste:{name}:{kind}"].per_layer for name in names]
        return [[cosine(one, other) for other in rows] for one in rows]

    # --- other ways

    def variants(self) -> dict[str, Any]:
        """Per variant: the mean effect in the asked direction, the mean effect on the others, and the share of clips that fail a gate."""
        found: dict[str, dict[str, list[float]]] = {}
        for (variant, name, strength), cells in variant_cells(self._size, self._bench.best, self._bench.ends).items():
            if not self._renderer.has(cells):
                continue
            row = found.setdefault(variant, {"own": [], "others": [], "failed": []})
            row["own"].append(float(np.sign(strength)) * self.mean_effect(cells, name))
            row["others"].append(
                float(np.nanmean([abs(self.mean_effect(cells, other)) for other in SLIDER_NAMES if other != name]))
            )
            row["failed"].append(len(self.failures(cells)) / len(cells))
        return {
            variant: {key: float(np.mean(values)) for key, values in row.items()}
            | {"ratio": float(np.mean(row["own"]) / max(np.mean(row["others"]), 1e-9)), "conditions": len(row["own"])}
            for variant, row in found.items()
        }

    def held(self) -> dict[str, Any]:
        """A knob held for a minute: how far each ten seconds lie from the minute's mean, in loudness, beside no knob."""
        cells = held_cells(self._size, self._bench.ends)
        if not self._renderer.has(cells) or "windows" not in self._renderer.row(cells[0]):
            return {}
        found: dict[str, list[float]] = {"plain": [], "steered": []}
        for cell in cells:
            levels = np.array([10 ** (window["loudness_lufs"] / 20) for window in self._renderer.row(cell)["windows"]])
            found["steered" if cell.pushes else "plain"].append(float(np.abs(levels / levels.mean() - 1).max()))
        return {name: float(np.mean(values)) for name, values in found.items()}


def _error(moves: Sequence[float]) -> float:
    """The standard error of a mean over clips."""
    return float(np.nanstd(moves, ddof=1) / np.sqrt(len(moves))) if len(moves) > 1 else float("nan")


def _own_range(failed: dict[float, float]) -> list[float]:
    """The widest range around zero in which no more than one clip in eight fails a gate, on the bench's own prompts; from the shares that
    fail."""
    limits = [0.0, 0.0]
    for index, sign in enumerate((-1, 1)):
        for strength in sorted((s for s in failed if s * sign > 0), key=abs):
            if failed[strength] > 1 / 8:
                break
            limits[index] = strength
    return limits


def _monotony(strengths: Sequence[float], values: Sequence[float]) -> float:
    if len(strengths) < 3:
        return float("nan")
    return round(
        float(spearmanr(strengths, values).statistic), 9
    )  # five ranks with one swap are 0.9, and not a hair less


def _quality(row: dict[str, Any]) -> Quality:
    return Quality(**row["quality"], distance_db=0.0)


def _nearest(gaps: Array) -> int:
    return int(np.argmin(np.square(gaps).sum(1)))


def _of_kind(values: dict[tuple[str, int], float], kind: str, count: int) -> float:
    return float(
        np.mean([value for (name, size), value in values.items() if name.endswith(f":{kind}") and size == count])
    )
