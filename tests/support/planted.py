"""Tiny real decoder with a planted direction.

The text adds the direction at one layer, and the heads read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from resonance_model.decoder.decoder import Decoder
from resonance_model.linear import FloatLinear
from resonance_model.loaded_model import LoadedModel

PLANTED_LAYER = 1
LOUD_TOKEN = 7  # what the direction makes likelier, in every codebook
WRITTEN = 1200.0  # the tiny model's residual has a standard deviation of 230 to 370 over all coordinates
READ = 3.0


@dataclass(frozen=True)
class Planted:
    """The model, and its planted unit vector `[hidden]`."""

    model: LoadedModel
    truth: Tensor


def plant(tiny: LoadedModel, seed: int = 11) -> Planted:
    """A copy of the tiny model in which "more" and "less" add plus and minus WRITTEN times a random unit vector at PLANTED_LAYER, so
    that the words say nothing in any other layer, though all later ones carry it; and in which the heads read the same vector.

    Everything else - attention, caches, guidance, sampling - is the product's own code on the tiny model's random weights.
    """
    config, weights = tiny.config, tiny.decoder.weights
    chance = torch.Generator().manual_seed(seed)
    truth = torch.randn(config.hidden_size, generator=chance)
    truth -= truth.mean()  # a layer norm takes the mean away
    truth /= truth.norm()
    value = torch.zeros(2 * config.hidden_size, config.hidden_size)
    value[config.hidden_size, 0] = (
        1.0  # the value's first coordinate is the text's first; keys are zero: attention is even
    )
    layers = []
    for index, layer in enumerate(weights.layers):
        out = torch.zeros(config.hidden_size, config.hidden_size)
        out[:, 0] = float(index == PLANTED_LAYER) * WRITTEN * truth
        layers.append(replace(layer, cross=replace(layer.cross, key_value=FloatLinear(value), out=FloatLinear(out))))
    text_weight = torch.zeros(config.hidden_size, weights.text_weight.shape[1])
    text_weight[0, 0] = 1.0
    heads = 0.5 * torch.randn(config.codebook_count, config.vocabulary_size, config.hidden_size, generator=chance)
    heads[:, LOUD_TOKEN] = READ * truth
    planted = replace(
        weights,
        layers=tuple(layers),
        text_weight=text_weight,
        text_bias=torch.zeros(config.hidden_size),
        heads=FloatLinear(heads.flatten(0, 1)),
    )

    def encode(texts: Sequence[str]) -> list[Tensor]:
        return [_states(text, weights.text_weight.shape[1]) for text in texts]

    description = replace(tiny.description, digest="9" * 64)
    return Planted(
        model=replace(
            tiny,
            description=description,
            decoder=Decoder(planted, tiny.config),
            encode_text=encode,
            codec=ToneCodec(description.hop_samples, config.codebook_count),
            library=None,
        ),
        truth=truth,
    )


class ToneCodec:
    """A lossless codec: a frame is a tone whose pitch is the first codebook's token."""

    def __init__(self, hop_samples: int, codebook_count: int) -> None:
        self._books = codebook_count
        times = torch.arange(hop_samples) / hop_samples
        # Whole periods per frame: tones are orthogonal, and the same token twice has no seam.
        self._tones = 0.2 * torch.sin(2 * torch.pi * torch.arange(4, 4 + 64)[:, None] * times)

    def encode(self, samples: Tensor) -> Tensor:
        """Codes `[codebooks, frames]` of mono `[samples]`; all codebooks alike."""
        hop = self._tones.shape[1]
        frames = samples[: len(samples) // hop * hop].view(-1, hop)
        return (frames @ self._tones.T).argmax(dim=1)[None].expand(self._books, -1).contiguous()

    def open_stream(self) -> ToneStream:
        """A decoder without lag."""
        return ToneStream(self._tones)


class ToneStream:
    """Decoder of one take."""

    lag_frames = 0

    def __init__(self, tones: Tensor) -> None:
        self._tones = tones

    def push(self, codes: Tensor) -> Tensor:
        """Samples `[1, frames * hop]` of codes `[codebooks, frames]`."""
        return self._tones[codes[0].clamp(max=63)].reshape(1, -1)

    def finish(self, codes: Tensor | None = None) -> Tensor:
        """The last samples."""
        return torch.zeros(1, 0) if codes is None else self.push(codes)


def _states(text: str, size: int) -> Tensor:
    """One token; its first coordinate is +1 for "more", -1 for "less", else 0."""
    states = torch.zeros(1, size)
    states[0, 0] = float("more" in text) - float("less" in text)
    return states
