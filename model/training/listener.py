"""Listener: small independent classifiers over spectral statistics.

They are trained on renderings that no other stage has heard.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as count_from
from itertools import islice
from typing import Any, Final

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import EncodecModel

from .compose import compose
from .render import render_piece
from .synth import Synth
from .text import CLASSES, targets

LESSONS_FIRST_SEED: Final = 5_000_000
CLIP_SAMPLES: Final = 80_000  # five seconds


def features(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-mel means, deviations, flux, rhythm, pitch classes and intervals of up to the first five seconds, shape [features]."""
    clip = audio[:CLIP_SAMPLES]
    mel = np.log(librosa.feature.melspectrogram(y=clip, sr=16_000, n_fft=1024, hop_length=160, n_mels=64) + 1e-5)
    flux = np.maximum(np.diff(mel, axis=1), 0)
    envelope = flux.mean(0) - flux.mean()
    spectrum = np.fft.irfft(np.abs(np.fft.rfft(envelope, 2048)) ** 2)[:256]
    chroma = librosa.feature.chroma_stft(y=clip, sr=16_000, n_fft=4096, hop_length=1600, norm=1)
    low = librosa.feature.chroma_stft(
        y=librosa.resample(clip, orig_sr=16_000, target_sr=1000), sr=1000, n_fft=512, hop_length=100
    )
    intervals = [
        (chroma * np.roll(chroma, step, axis=0)).sum(0) for step in range(7)
    ]  # what sounds together, in any key
    parts = (
        mel.mean(1),
        mel.std(1),
        np.percentile(mel, 10, axis=1),
        np.percentile(mel, 95, axis=1),
        flux.mean(1) * 10,
        flux.std(1) * 10,
        spectrum[4:256:2] / (spectrum[0] + 1e-9) * 3,
        np.sort(chroma.mean(1)) * 5,
        chroma.mean(1) * 5,
        low.mean(1) * 2,
        np.mean(intervals, axis=1) * 10,
        np.std(intervals, axis=1) * 20,
    )
    return np.concatenate(parts).astype(np.float32)


class Listener(nn.Module):
    """Hears instruments, energy, tempo, bass, density, voices, mode and genre."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.mean, self.scale = nn.Buffer(torch.zeros(size)), nn.Buffer(torch.ones(size))
        self.body = nn.Sequential(
            nn.Linear(size, 256), nn.GELU(), nn.Dropout(0.3), nn.Linear(256, 128), nn.GELU(), nn.Dropout(0.2)
        )
        self.heads = nn.ModuleDict({name: nn.Linear(128, classes) for name, classes in CLASSES.items()})

    def forward(self, heard: Tensor) -> dict[str, Tensor]:
        """Logits of every label, [clips, classes]."""
        hidden = self.body((heard - self.mean) / self.scale)
        return {name: head(hidden) for name, head in self.heads.items()}

    @torch.no_grad()
    def listen(self, clips: list[NDArray[np.float32]]) -> dict[str, Tensor]:
        """Probabilities per label for a list of clips."""
        logits = self.eval()(torch.from_numpy(np.stack([features(clip) for clip in clips])))
        return {
            name: values.sigmoid() if name == "instruments" else values.softmax(-1) for name, values in logits.items()
        }


def _seeds() -> Iterator[int]:
    """Seeds of bands and of soloists in turn."""
    bands, solos = count_from(LESSONS_FIRST_SEED), count_from(LESSONS_FIRST_SEED + 500_000)
    while True:
        yield next(seed for seed in bands if not compose(seed).labels.solo)
        yield next(seed for seed in solos if compose(seed).labels.solo)


@torch.no_grad()
def lessons(count: int, codec: EncodecModel) -> tuple[Tensor, dict[str, Tensor], list[dict[str, Any]]]:
    """Features and labels of freshly rendered pieces from seeds of their own, heard through the codec as its tokens sound.

    Half of them are single instruments: with as few as chance brings, measured, the listener was deaf to organs.
    """
    synth = Synth()
    heard, labels = [], []
    for seed in islice(_seeds(), count):
        piece = compose(seed)
        audio = torch.from_numpy(render_piece(synth, piece)[:CLIP_SAMPLES])[None, None]
        made = codec.decoder(codec.quantizer.decode(codec.quantizer.encode(codec.encoder(audio), 2.0)))
        heard.append(features(made[0, 0].numpy()))
        labels.append(piece.labels.as_dict())
    return torch.from_numpy(np.stack(heard)), targets(labels), labels


def taught(heard: Tensor, wanted: dict[str, Tensor], epochs: int = 60) -> tuple[Listener, dict[str, float]]:
    """A listener and its accuracy on the last fifth of the lessons."""
    torch.manual_seed(9)
    split = len(heard) * 4 // 5
    listener = Listener(heard.shape[1])
    listener.mean.copy_(heard[:split].mean(0))
    listener.scale.copy_(heard[:split].std(0) + 1e-3)
    optimiser = torch.optim.AdamW(listener.parameters(), lr=1e-3, weight_decay=0.05)
    for _ in range(epochs):
        for rows in torch.randperm(split).split(64):
            noisy = heard[rows] + 0.1 * listener.scale * torch.randn(len(rows), heard.shape[1])
            loss = _loss(listener(noisy), {name: values[rows] for name, values in wanted.items()})
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        logits = listener.eval()(heard[split:])
    scores = {
        name: float((logits[name].argmax(-1) == values[split:]).float().mean())
        for name, values in wanted.items()
        if name != "instruments"
    }
    present = wanted["instruments"][split:] > 0.5
    scores["instruments"] = float(((logits["instruments"] > 0) == present).float().mean())
    alone = present.sum(1) == 1
    most = logits["instruments"].argmax(-1)[alone]
    scores["single_instrument_is_the_most_heard"] = float((most == present[alone].float().argmax(-1)).float().mean())
    return listener, scores


def _loss(logits: dict[str, Tensor], wanted: dict[str, Tensor]) -> Tensor:
    losses = [
        nn.functional.binary_cross_entropy_with_logits(logits[name], values) * 6
        if name == "instruments"
        else nn.functional.cross_entropy(logits[name], values)
        for name, values in wanted.items()
    ]
    return torch.stack(losses).sum()
