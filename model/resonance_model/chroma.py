"""Chroma: the loudest of twelve pitch classes per frame.

Melody checkpoints are conditioned on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

CLASS_COUNT = 12
# Longest melody; the checkpoints' own extractor cuts there.
MELODY_S_MAX = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChromaPlan:
    """Frames of a checkpoint's melodies; the defaults are those of the published MusicGen-Melody."""

    sample_rate_hz: int = 32_000
    window_samples: int = 16_384
    hop_samples: int = 4_096


class Chroma:
    """Extractor of pitch classes, without torchaudio.

    Its classes equal those of AudioCraft's `ChromaExtractor` and transformers' `MusicgenMelodyFeatureExtractor`.
    The power spectrum of Hann windows (centred, reflected at both ends) is weighed by Ellis' chroma filters. Only the loudest class of
    a frame is kept: MusicGen-Melody was trained on that bottleneck (Copet et al. 2023, section 2.3).
    """

    def __init__(self, plan: ChromaPlan) -> None:
        self.plan = plan
        self._window = torch.hann_window(plan.window_samples)
        filters = chroma_filters(sample_rate_hz=plan.sample_rate_hz, window_samples=plan.window_samples)
        self._filters = torch.from_numpy(filters).float()

    @torch.inference_mode()
    def __call__(self, samples: Tensor) -> Tensor:
        """One-hot classes `[frames, 12]`, C first, of mono samples `[samples]` at the plan's rate; silence counts as C."""
        missing = self.plan.window_samples - len(samples)
        if missing > 0:
            samples = F.pad(samples, (missing // 2, missing - missing // 2))
        spectrum = torch.stft(
            samples,
            self.plan.window_samples,
            hop_length=self.plan.hop_samples,
            window=self._window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )
        loudness = self._filters @ (spectrum.abs().square() / self._window.square().sum())
        # Divided by the loudest class, or by 1e-6 where that is more, as the libraries do: ties are broken alike.
        loudness = F.normalize(loudness, p=float("inf"), dim=0, eps=1e-6)
        return F.one_hot(loudness.argmax(dim=0), CLASS_COUNT).float()


def chroma_filters(*, sample_rate_hz: int, window_samples: int) -> NDArray[np.float64]:
    """Weights of frequencies in pitch classes, `[12, window_samples // 2 + 1]`, C first.

    Ellis 2007 ("Chroma feature analysis and synthesis"), as `librosa.filters.chroma`: each frequency is a Gaussian bump around its class,
    as wide as the distance to the next frequency; columns have length 1, weighed by a Gaussian of two octaves around the fifth.
    """
    frequencies = np.linspace(0, sample_rate_hz, window_samples, endpoint=False)[1:]
    classes = CLASS_COUNT * np.log2(frequencies / (440.0 / 16))
    # 0 Hz has no pitch: it stands one and a half octaves below the first frequency, so that it is spread over many classes.
    classes = np.concatenate([[classes[0] - 1.5 * CLASS_COUNT], classes])
    widths = np.concatenate([np.maximum(np.diff(classes), 1.0), [1.0]])
    half = CLASS_COUNT / 2
    distances = np.remainder(classes - np.arange(CLASS_COUNT)[:, None] + half + 10 * CLASS_COUNT, CLASS_COUNT) - half
    bumps = np.exp(-0.5 * (2 * distances / widths) ** 2)
    bumps /= np.sqrt(np.square(bumps).sum(axis=0, keepdims=True))
    bumps *= np.exp(-0.5 * ((classes / CLASS_COUNT - 5.0) / 2.0) ** 2)
    from_c = np.roll(bumps, -3, axis=0)  # the formula counts from A
    return np.ascontiguousarray(from_c[:, : window_samples // 2 + 1])
