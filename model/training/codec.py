"""Codec: a small EnCodec with an analytic start.

The start is a cascade of lapped cosine transforms and a PCA, mirrored.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from transformers import EncodecConfig, EncodecModel, MusicgenForConditionalGeneration

from . import corpus

FOLDER: Final = corpus.WORK / "codec"
WEIGHTS: Final = Path("model/resonance_model/weights")
FRAME_RATE_HZ: Final = 50
CODEBOOKS: Final = 4
CODEBOOK_SIZE: Final = 1024
INPUT_GAIN: Final = 0.1  # ELU is the identity for small inputs
EMPHASIS: Final = 0.5  # how far quiet coefficients are lifted before the PCA

Convolution = nn.Conv1d | nn.ConvTranspose1d  # weight-normed, as EnCodec's all are


def config() -> EncodecConfig:
    """16 kHz mono, 50 frames a second, four codebooks of 1,024: 2 kbit/s."""
    return EncodecConfig(
        sampling_rate=16_000,
        audio_channels=1,
        normalize=False,
        chunk_length_s=None,
        overlap=None,
        hidden_size=128,
        codebook_dim=128,
        codebook_size=CODEBOOK_SIZE,
        num_filters=16,
        num_residual_layers=1,
        upsampling_ratios=[5, 4, 4, 4],
        norm_type="weight_norm",
        kernel_size=7,
        last_kernel_size=3,
        residual_kernel_size=3,
        dilation_growth_rate=2,
        use_causal_conv=False,
        pad_mode="reflect",
        compress=2,
        num_lstm_layers=1,
        trim_right_ratio=1.0,
        use_conv_shortcut=False,
        target_bandwidths=[2.0],
    )


def frozen_codec(name: str = "quantised") -> EncodecModel:
    """The codec whose encoder and codebooks no later phase changes; the exported one when this machine trained none."""
    path = FOLDER / f"{name}.pt"
    if not path.exists():
        return MusicgenForConditionalGeneration.from_pretrained(WEIGHTS, dtype=torch.float32).audio_encoder.eval()
    model = EncodecModel(config())
    model.load_state_dict(torch.load(path, weights_only=True)["model"])
    return model.eval()


def lapped_basis(bands: int) -> Tensor:
    """The MDCT with a sine window, shape [bands, 2 * bands]: orthonormal, and its transpose reconstructs perfectly."""
    n = torch.arange(2 * bands, dtype=torch.float64) + 0.5
    k = torch.arange(bands, dtype=torch.float64)[:, None] + 0.5
    window = torch.sin(math.pi * n / (2 * bands))
    return (window * math.sqrt(2 / bands) * torch.cos(math.pi / bands * (n + bands / 2) * k)).float()


def start_analytically(model: EncodecModel, audio: Tensor) -> None:
    """Set encoder and decoder to the mirrored transforms; `audio` [clips, 1, samples] gives the PCA its statistics."""
    encoder, decoder = model.encoder.layers, model.decoder.layers
    downs = [layer for layer in encoder if type(layer).__name__ == "EncodecConv1d"]
    ups = [layer for layer in decoder if type(layer).__name__ == "EncodecConvTranspose1d"]
    final = decoder[len(decoder) - 1]
    for block in (*encoder, *decoder):
        if type(block).__name__ == "EncodecResnetBlock":
            _scale(block.block[-1].conv, 0.02)
        if type(block).__name__ == "EncodecLSTM":
            for parameter in block.lstm.parameters():
                parameter.data.mul_(0.3)
    _centre(downs[0].conv, torch.full((1, 1), INPUT_GAIN))
    _centre(final.conv, torch.full((1, 1), 1 / INPUT_GAIN), quiet=0.02)
    live = 1
    for down, up, bands in zip(downs[1:4], reversed(ups[1:]), (4, 4, 4), strict=True):
        kernel = torch.kron(torch.eye(live), lapped_basis(bands).unsqueeze(1)).reshape(live * bands, live, 2 * bands)
        _place(down.conv, kernel, transposed=False)
        _place(up.conv, kernel, transposed=True)
        live *= bands
    _last_stage(model, downs[4].conv, ups[0].conv, downs[5].conv, decoder[0].conv, audio, live)


@torch.no_grad()
def _last_stage(
    model: EncodecModel,
    down: Convolution,
    up: Convolution,
    to_latent: Convolution,
    from_latent: Convolution,
    audio: Tensor,
    live: int,
) -> None:
    basis = lapped_basis(5)
    kernel = torch.kron(torch.eye(live), basis.unsqueeze(1)).reshape(live * 5, live, 10)
    hidden = audio
    for layer in model.encoder.layers[:-4]:
        hidden = layer(hidden)
    hidden = torch.nn.functional.pad(hidden[:, :live], (3, 2))
    variance = torch.nn.functional.conv1d(hidden, kernel, stride=5).pow(2).mean(dim=(0, 2))
    kept = variance.argsort(descending=True)[:256].sort().values
    _place(down, kernel[kept], transposed=False)
    _place(up, kernel[kept], transposed=True)
    coefficients = torch.nn.functional.conv1d(hidden, kernel[kept], stride=5).transpose(1, 2).reshape(-1, 256)
    lift = coefficients.pow(2).mean(0).add(1e-9).pow(-EMPHASIS / 2)
    lifted = coefficients * lift
    values, vectors = torch.linalg.eigh(lifted.T @ lifted / len(lifted))
    main, spread = vectors[:, -128:].flip(1), values[-128:].flip(0).mean().sqrt()
    _centre(to_latent, (main.T * lift / spread))
    _centre(from_latent, (main / lift[:, None] * spread))


@torch.no_grad()
def _set(conv: Convolution, weight: Tensor) -> None:
    """Give a weight-normed convolution this weight; an all-zero slice keeps a direction with length zero."""
    norm = weight.flatten(1).norm(dim=1).reshape(-1, *[1] * (weight.dim() - 1))
    direction = torch.where(norm > 1e-8, weight, torch.randn_like(weight))
    conv.get_parameter("parametrizations.weight.original0").copy_(norm)
    conv.get_parameter("parametrizations.weight.original1").copy_(direction)
    if conv.bias is not None:
        conv.bias.zero_()


@torch.no_grad()
def _scale(conv: Convolution, factor: float) -> None:
    conv.get_parameter("parametrizations.weight.original0").mul_(factor)
    if conv.bias is not None:
        conv.bias.zero_()


def _place(conv: Convolution, kernel: Tensor, transposed: bool) -> None:
    """Write `kernel` [coefficients, live, taps] into the leading channels; spare channels listen but are not heard."""
    weight = conv.weight.detach().clone()
    if transposed:
        weight[: len(kernel)] *= 0.02
        weight[len(kernel) :] *= 0.02
        weight[: len(kernel), : kernel.shape[1]] = kernel
    else:
        weight[: len(kernel)] = 0
        weight[len(kernel) :] *= 0.5
        weight[: len(kernel), : kernel.shape[1]] = kernel
    _set(conv, weight)


def _centre(conv: Convolution, matrix: Tensor, quiet: float = 0.0) -> None:
    """A convolution that is `matrix` at its centre tap; `quiet` keeps a little of the random rest."""
    weight = conv.weight.detach().clone() * quiet
    if matrix.shape[1] < weight.shape[1] or matrix.shape[0] < weight.shape[0]:
        weight[len(matrix) :] = conv.weight.detach()[len(matrix) :] * 0.1
    weight[: matrix.shape[0], : matrix.shape[1]] = 0
    weight[: matrix.shape[0], : matrix.shape[1], weight.shape[2] // 2] = matrix
    _set(conv, weight)
