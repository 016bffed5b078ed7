"""Codec losses: log-mel and spectral distances at several resolutions.

The mel distance that is reported is here too.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import torch
from librosa.filters import mel as mel_filters
from torch import Tensor


@cache
def _mel(n_fft: int, bands: int) -> Tensor:
    return torch.from_numpy(mel_filters(sr=16_000, n_fft=n_fft, n_mels=bands))


def _magnitude(audio: Tensor, n_fft: int) -> Tensor:
    window = torch.hann_window(n_fft)
    spectrum = torch.stft(audio, n_fft, n_fft // 4, window=window, return_complex=True, pad_mode="constant")
    return (spectrum.real.square() + spectrum.imag.square() + 1e-8).sqrt()


def spectral_loss(made: Tensor, true: Tensor) -> Tensor:
    """[clips, samples] twice: L1 of log-mel in nats, spectral convergence, and a little of the waveform itself."""
    total = (made - true).abs().mean() * 2
    for n_fft, bands in ((2048, 96), (1024, 80), (512, 48), (128, 16)):
        a, b = _magnitude(made, n_fft), _magnitude(true, n_fft)
        mel = _mel(n_fft, bands)
        floor = 1e-3 * (n_fft / 512) ** 0.5
        total = total + ((mel @ a + floor).log() - (mel @ b + floor).log()).abs().mean()
        total = total + 0.3 * (a - b).norm() / (b.norm() + 1e-3)
    return total


LONG_FFT: Final = 8192  # half a second: neighbouring semitones above 65 Hz lie in bins of their own
SEMITONES: Final = 60  # from the C at 65 Hz up


@cache
def _semitones() -> Tensor:
    """Triangular filters [60, bins] a semitone apart, from 65.4 to 1,976 Hz, over the bins of a long transform."""
    centres = 65.406 * 2.0 ** (torch.arange(-1, SEMITONES + 1) / 12)
    bins = torch.arange(LONG_FFT // 2 + 1) * (16_000 / LONG_FFT)
    low, middle, high = (centres[at : at + SEMITONES, None] for at in range(3))
    filters = torch.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)).clamp_min(0)
    return filters / filters.sum(1, keepdim=True)


def pitch_loss(made: Tensor, true: Tensor) -> Tensor:
    """[clips, samples] twice, two seconds or more: distance of the pitches that sound.

    L1 of the log energy of sixty semitones over half a second, in nats, and the cosine distance of the chroma (those energies folded
    to twelve pitch classes). The other losses look at windows of an eighth of a second at most, in which low semitones fall together.
    """
    a, b = (_semitones() @ _magnitude(x, LONG_FFT) for x in (made, true))
    floor = 1e-2
    distance = ((a + floor).log() - (b + floor).log()).abs().mean()
    chroma_a, chroma_b = (x.unflatten(1, (SEMITONES // 12, 12)).sum(1) for x in (a, b))
    return distance + 2 * (1 - torch.cosine_similarity(chroma_a, chroma_b, dim=1, eps=1e-3)).mean()


@torch.no_grad()
def mel_distance_db(made: Tensor, true: Tensor) -> float:
    """Mean absolute difference of 80-band mel spectra in dB, floored 80 dB under full scale."""
    mel = _mel(1024, 80)
    a, b = (10 * ((mel @ _magnitude(x, 1024).square()) + 1e-5).log10() for x in (made, true))
    return float((a - b).abs().mean())


@torch.no_grad()
def si_sdr_db(made: Tensor, true: Tensor) -> float:
    """Scale-invariant signal-to-distortion ratio over all clips."""
    scale = (made * true).sum(-1, keepdim=True) / (true.square().sum(-1, keepdim=True) + 1e-8)
    target = scale * true
    return float((10 * ((target.square().sum(-1) + 1e-8) / ((target - made).square().sum(-1) + 1e-8)).log10()).mean())
