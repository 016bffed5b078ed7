"""Batched renderer of bench cells, with scores cached by cell."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from model.training.listener import features
from numpy.typing import NDArray

from resonance.steering.sliders import SLIDER_NAMES
from resonance_extract.calibration.quality import measure
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.delays import count_steps
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.adaptive import AdaptiveSteering
from resonance_model.steering.stacking import Stacked, WeightedDirection, stack

from .bench_directions import BenchDirections
from .grid import Cell
from .judges import Judges
from .scorers import RATE_HZ, score_clip

SLOTS = 8
WINDOWS_S = 10.0
Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Share:
    """What one of `count` processes renders: each cell belongs to exactly one, by its name."""

    index: int
    count: int

    def has(self, key: str) -> bool:
        """Whether the cell of this name is ours."""
        return int(key[:8], 16) % self.count == self.index


WHOLE = Share(0, 1)


class Renderer:
    """Renders and scores cells; one JSON line per cell, so that a stop costs at most the batch in hand."""

    def __init__(
        self,
        model: LoadedModel,
        bench: BenchDirections,
        judges: Judges | None,
        folder: Path,
        *,
        minutes: float | None = None,
        share: Share = WHOLE,
    ) -> None:
        self._model = model
        self._bench = bench
        self._judges = judges
        self._share = share
        self._path = folder / ("scores.jsonl" if share.index == 0 else f"scores-{share.index}.jsonl")
        self._ends_s = float("inf") if minutes is None else time.monotonic() + 60 * minutes
        self.scores: dict[str, dict[str, Any]] = {}
        for path in folder.glob("scores*.jsonl"):
            for line in path.read_text().splitlines():
                if line.endswith("}"):
                    row = json.loads(line)
                    self.scores[row["key"]] = row

    def key(self, cell: Cell) -> str:
        """The cell's name in the cache: a slider's direction and its layers may be shipped anew for the same weights."""
        is_pushed = any(name.partition(":")[0] in SLIDER_NAMES for name, _ in cell.pushes)
        return f"{cell.key}-{self._bench.tag}" if is_pushed else cell.key

    def make(self, cells: Iterable[Cell], what: str) -> bool:
        """Renders the cells that are missing, unsteered cells first; False where the time ran out."""
        wanted = {self.key(cell): cell for cell in cells if self.key(cell) not in self.scores}
        for cell in list(wanted.values()):
            if cell.pushes and self.key(cell.unsteered) not in self.scores:
                wanted.setdefault(self.key(cell.unsteered), cell.unsteered)
        ours = [cell for key, cell in wanted.items() if self._share.has(key)]
        ordered = sorted(ours, key=lambda cell: (bool(cell.pushes), cell.clip_s))
        started_s = time.monotonic()
        for place in range(0, len(ordered), SLOTS):
            if time.monotonic() > self._ends_s:
                print(f"{what}: out of time with {len(ordered) - place} clips missing", flush=True)
                return False
            batch = ordered[place : place + SLOTS]
            batch = [cell for cell in batch if cell.clip_s == batch[0].clip_s] + [
                cell for cell in batch if cell.clip_s != batch[0].clip_s
            ]
            for length in dict.fromkeys(cell.clip_s for cell in batch):
                self._record([cell for cell in batch if cell.clip_s == length])
            if place // SLOTS % 10 == 0:
                done = min(place + SLOTS, len(ordered))
                print(f"{what}: {done} of {len(ordered)} clips, {time.monotonic() - started_s:.0f} s", flush=True)
        return True

    def has(self, cells: Iterable[Cell]) -> bool:
        """Whether every cell has been scored."""
        return all(self.key(cell) in self.scores for cell in cells)

    def row(self, cell: Cell) -> dict[str, Any]:
        """What is known of a cell."""
        return self.scores[self.key(cell)]

    def _record(self, batch: list[Cell]) -> None:
        clips = self.render(batch)
        with self._path.open("a") as file:
            for cell, audio in zip(batch, clips, strict=True):
                row = {"key": self.key(cell), "scores": score_clip(audio, self._judges), "quality": _quality(audio)}
                row["embedding"] = _rounded(features(audio))
                row["embedding_at_one_level"] = _rounded(features(_at_one_level(audio)))
                if cell.clip_s > 2 * WINDOWS_S:
                    size = round(WINDOWS_S * RATE_HZ)
                    windows = [audio[start : start + size] for start in range(0, len(audio) - size + 1, size)]
                    row["windows"] = [score_clip(window, None) for window in windows]
                self.scores[self.key(cell)] = row
                file.write(json.dumps(row) + "\n")

    @torch.inference_mode()
    def render(self, batch: list[Cell]) -> list[Audio]:
        """The clips of cells of one length, mono at 16 kHz."""
        model = self._model
        frames = round(batch[0].clip_s * model.description.frame_rate_hz)
        sequences = [
            self._build_sequence(cell, states, frames)
            for cell, states in zip(batch, model.encode_text([cell.prompt for cell in batch]), strict=True)
        ]
        while not all(sequence.is_finished for sequence in sequences):
            advance(model.decoder, sequences)
        clips = []
        for sequence in sequences:
            samples = model.codec.open_stream().finish(sequence.frames(0, frames))
            clips.append(np.clip(np.nan_to_num(samples[0].float().numpy()), -1.0, 1.0))
        return clips

    def _build_sequence(self, cell: Cell, states: torch.Tensor, frames: int) -> TokenSequence:
        model, stacked = self._model, self.stacked(cell)
        slot = CacheSlot(model.config, model.decoder.condition([(states, 1.0)]))
        if stacked is not None:
            slot.steering = stacked.steering
            if cell.rule != "add":
                assert stacked.baselines is not None
                slot.adaptive = AdaptiveSteering(stacked.steering, stacked.baselines, is_clamp=cell.rule == "clamp")
        defaults = model.description.sampling
        sampling = Sampling(
            guidance_scale=defaults.guidance_scale,
            temperature=defaults.temperature,
            top_k=defaults.top_k,
            novelty=defaults.novelty,
            seed=cell.seed,
        )
        window = model.config.window_steps
        assert count_steps(1, model.config.codebook_count) < window
        return TokenSequence(
            model.decoder, slot, sampling, frame_count=frames, window_steps=window, context_frames=window // 2
        )

    def stacked(self, cell: Cell) -> Stacked | None:
        """The cell's pushes as the product stacks them."""
        config = self._model.config
        alone: dict[int, float] = {}
        if cell.layers not in {"all", "own", "one_to_all"}:
            alone = {layer: float(layer == int(cell.layers)) for layer in range(config.layer_count)}
        pushes = [
            WeightedDirection(
                direction=self._bench.directions[name],
                strength=strength,
                is_per_layer=cell.layers != "one_to_all",
                layer_gains=alone or (self._bench.gains.get(name, {}) if cell.layers != "all" else {}),
            )
            for name, strength in cell.pushes
            if strength
        ]
        return stack(
            pushes,
            config,
            digest=self._model.description.digest,
            both_branches=cell.both_rows,
            is_joint=cell.stacking == "joint",
        )


def _rounded(values: NDArray[np.float32]) -> list[float]:
    return [round(float(value), 4) for value in values]


def _at_one_level(audio: Audio) -> Audio:
    """The clip at an RMS of 0.1: a slider of loudness is not to be blamed for loudness. Silence stays silence."""
    rms = float(np.sqrt(np.square(audio, dtype=np.float64).mean()))
    levelled: Audio = (audio * (0.1 / max(rms, 1e-3))).astype(np.float32)
    return levelled


def _quality(audio: Audio) -> dict[str, float]:
    """What the gates look at, but for the distance from the twin."""
    found = measure(audio, audio, sample_rate_hz=RATE_HZ)
    return {name: getattr(found, name) for name in ("rms", "clipped_share", "silent_share", "flatness")}
