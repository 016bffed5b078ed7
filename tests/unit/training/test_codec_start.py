"""Codec's analytic start: reconstructing lapped transforms before training."""

from __future__ import annotations

import torch
from model.training import codec
from transformers import EncodecModel


def test_the_lapped_basis_reconstructs_perfectly() -> None:
    basis = codec.lapped_basis(4).unsqueeze(1)
    signal = torch.randn(1, 1, 64)
    coefficients = torch.nn.functional.conv1d(torch.nn.functional.pad(signal, (2, 2)), basis, stride=4)
    made = torch.nn.functional.conv_transpose1d(coefficients, basis, stride=4)[..., 2:-2]
    assert torch.allclose(made[..., 8:-8], signal[..., 8:-8], atol=1e-5)


def test_an_untrained_codec_already_carries_a_tone() -> None:
    torch.manual_seed(0)
    time = torch.arange(16_000) / 16_000
    tones = torch.stack([0.2 * torch.sin(2 * torch.pi * hertz * time) for hertz in (110, 220, 330, 440)]).unsqueeze(1)
    model = EncodecModel(codec.config()).eval()
    codec.start_analytically(model, tones)
    with torch.no_grad():
        made = model.decoder(model.encoder(tones))
    error = (made - tones)[..., 800:-800].square().mean() / tones.square().mean()
    assert error < 0.1
