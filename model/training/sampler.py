"""Batched takes through our decoder, with experimental sampling.

The product does not offer these ways of sampling yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from resonance.settings import Settings
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import NOVEL_FROM, NOVEL_TO, counter_noise
from resonance_model.delays import codebook_delay, count_steps
from resonance_model.loaders import load_model

EARLY_FRAMES: Final = 50
FALL_FRAMES: Final = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One way to sample. `guidance` holds throughout, or for the first second ("early"), or falls to `late` within five ("falling").

    `rescale` is the share by which guided scores get back the spread of the conditional ones (Lin et al. 2023, section 3.4); `min_p` drops
    what is less likely than that share of the likeliest token; `top_k` 0 keeps all. `fine_guidance` and `fine_temperature` are those of all
    codebooks but the first, which says what is played while they say how it sounds. `novelty` is the weight of a penalty on tokens of the
    first `novel_books` codebooks that were said NOVEL_FROM to `novel_to` frames ago: it is taken from their scores, times log(1 + count).
    """

    guidance: float = 3.0
    temperature: float = 0.9
    top_k: int = 50
    shape: str = "constant"
    late: float = 1.0
    rescale: float = 0.0
    min_p: float = 0.0
    fine_guidance: float | None = None
    fine_temperature: float | None = None
    novelty: float = 0.0
    novel_to: int = NOVEL_TO
    novel_books: int = 1

    def guidance_at(self, step: int) -> float:
        """The scale at a step."""
        if self.shape == "early":
            return self.guidance if step < EARLY_FRAMES else self.late
        if self.shape == "falling":
            return self.guidance + (self.late - self.guidance) * min(1.0, step / FALL_FRAMES)
        return self.guidance

    def name(self) -> str:
        """As in tables."""
        guidance = f"{self.guidance:g}" + (f" {self.shape} to {self.late:g}" if self.shape != "constant" else "")
        if self.fine_guidance is not None or self.fine_temperature is not None:
            guidance = f"{guidance} (fine {self.fine_guidance or self.guidance:g} / {self.fine_temperature or self.temperature:g})"
        rest = (f", rescaled {self.rescale:g}" if self.rescale else "") + (
            f", min-p {self.min_p:g}" if self.min_p else ""
        )
        if self.novelty:
            books = f" of {self.novel_books} codebooks" if self.novel_books > 1 else ""
            rest += f", novelty {self.novelty:g} over {self.novel_to} frames{books}"
        return f"{guidance} / {self.temperature:g} / {self.top_k or 'all'}{rest}"


class Sampler:
    """An exported folder behind the project's decoder and codec."""

    def __init__(self, folder: Path) -> None:
        self._model = load_model(Settings.model_validate({"model": str(folder)}))

    @torch.inference_mode()
    def play(self, prompts: list[str], seconds: float, seeds: list[int], point: Point) -> list[NDArray[np.float32]]:
        """One mono clip per prompt and seed; a clip depends on nothing but its own prompt, seed and point."""
        config, frames = self._model.config, round(seconds * 50)
        texts = self._model.encode_text(prompts)
        slots = [CacheSlot(config, self._model.decoder.condition([(text, 1.0)])) for text in texts]
        said = torch.full(
            (len(slots), config.codebook_count, count_steps(frames, config.codebook_count)), config.vocabulary_size
        )
        tokens = said[:, :, 0].clone()
        for step in range(said.shape[2]):
            logits = self._model.decoder.advance(slots, tokens)
            noise = torch.stack([counter_noise(seed, step, config.codebook_count) for seed in seeds])
            said[:, :, step] = chosen(logits, noise, point, step, penalty(said, step, point, config.vocabulary_size))
            tokens = said[:, :, step].clone()
            tokens[:, step + 1 :] = config.vocabulary_size  # codebooks whose first frame is still to come
        delays = [codebook_delay(book, 1) for book in range(config.codebook_count)]
        codes = [torch.stack([row[at : at + frames] for row, at in zip(one, delays, strict=True)]) for one in said]
        clips = [self._model.codec.open_stream().finish(one) for one in codes]
        return [clip[0].numpy().astype(np.float32) for clip in clips]


def penalty(said: Tensor, step: int, point: Point, vocabulary_size: int) -> Tensor:
    """What is taken from the scores [clips, codebooks, vocabulary] for tokens that were said a while ago; zeros without `novelty`."""
    taken = torch.zeros(said.shape[0], said.shape[1], vocabulary_size)
    past = said[:, : point.novel_books, max(0, step - point.novel_to) : max(0, step - NOVEL_FROM)]
    if point.novelty and past.shape[2]:
        known = past < vocabulary_size  # the first steps of later codebooks say nothing
        counts = taken[:, : point.novel_books]
        counts.scatter_add_(2, past.clamp(max=vocabulary_size - 1), known.float())
        taken[:, : point.novel_books] = point.novelty * torch.log1p(counts)
    return taken


def chosen(logits: Tensor, noise: Tensor, point: Point, step: int, taken: Tensor | float = 0.0) -> Tensor:
    """Tokens [clips, codebooks] from logits [clips, 2, codebooks, vocabulary], by inversion with noise [clips, codebooks]."""
    conditional, free = logits[:, 0], logits[:, 1]
    guidance, temperature = (
        torch.full((logits.shape[2], 1), point.guidance_at(step)),
        torch.full((logits.shape[2], 1), point.temperature),
    )
    if point.fine_guidance is not None:
        guidance[1:] = point.fine_guidance
    if point.fine_temperature is not None:
        temperature[1:] = point.fine_temperature
    scores = free + (conditional - free) * guidance - taken
    if point.rescale:
        centred = scores - scores.mean(-1, keepdim=True)
        spread = conditional.std(-1, keepdim=True) / centred.std(-1, keepdim=True)
        scores = centred * (point.rescale * spread + 1 - point.rescale)
    ordered, places = scores.double().sort(dim=-1, descending=True)
    shares = torch.softmax(ordered / temperature.double(), dim=-1)
    if point.top_k:
        shares[..., point.top_k :] = 0
    shares[shares < point.min_p * shares[..., :1]] = 0
    cumulative = shares.cumsum(-1)
    place = torch.searchsorted(cumulative, noise[..., None] * cumulative[..., -1:], right=True).clamp_(
        max=scores.shape[-1] - 1
    )
    return places.gather(-1, place).squeeze(-1)
