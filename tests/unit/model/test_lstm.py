"""Codec LSTM over packed matrices: equal to torch, any cuts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from resonance_model.codec.lstm import PackedLstm, State, build_lstm


@pytest.fixture(scope="module")
def lstm() -> nn.LSTM:
    torch.manual_seed(3)
    return nn.LSTM(1024, 1024, 2).eval()


def in_parts(lstm: PackedLstm, frames: Tensor, sizes: list[int]) -> Tensor:
    state: State | None = None
    outputs = []
    for part in frames.split(sizes):
        found, state = lstm(part, state)
        outputs.append(found)
    return torch.cat(outputs)


@torch.inference_mode()
def test_a_large_lstm_is_packed_and_gives_torch_s_results(lstm: nn.LSTM) -> None:
    packed, frames = build_lstm(lstm), torch.randn(20, 1, 1024)
    assert isinstance(packed, PackedLstm)
    (found, state), (expected, expected_state) = packed(frames, None), lstm(frames)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(state[0], expected_state[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(state[1], expected_state[1], atol=1e-6, rtol=0)
    onward, expected_onward = packed(frames, state)[0], lstm(frames, expected_state)[0]
    torch.testing.assert_close(onward, expected_onward, atol=1e-6, rtol=0)


@torch.inference_mode()
def test_the_cuts_change_no_bit(lstm: nn.LSTM) -> None:
    packed, frames = PackedLstm(lstm), torch.randn(30, 1, 1024)
    whole = in_parts(packed, frames, [30])
    assert torch.equal(in_parts(packed, frames, [1, 2, 27]), whole)
    assert torch.equal(in_parts(packed, frames, [5] * 6), whole)


def test_a_small_lstm_stays_the_library_s() -> None:
    small = nn.LSTM(256, 256, 2)
    assert build_lstm(small) is small
