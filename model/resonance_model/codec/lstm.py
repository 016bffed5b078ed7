"""Streaming LSTM of the codec over packed matrices.

It computes a few frames at a time. The matrices are packed once.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from resonance_model.linear import PackedLinear, is_packing_supported

State = tuple[Tensor, Tensor]
StreamingLstm = Callable[[Tensor, State | None], tuple[Tensor, State]]

# With fewer weights our small operations cost more than packing in each call: 4.3 against 2.4 ms for 27 frames of two layers of 256.
_PACKED_MIN = 1_000_000


def build_lstm(lstm: nn.LSTM) -> StreamingLstm:
    """A `PackedLstm` over the weights of a large LSTM on a CPU with oneDNN; else the LSTM itself.

    Both take frames `[frames, 1, channels]` and a state, None at the start. They return outputs of that shape and the next state.
    """
    weight = lstm.weight_hh_l0
    is_large = weight.device.type == "cpu" and weight.dtype == torch.float32 and weight.numel() >= _PACKED_MIN
    return PackedLstm(lstm) if is_large and is_packing_supported(torch.float32) else lstm


class PackedLstm:
    """An LSTM of one direction (Hochreiter and Schmidhuber 1997, gates in torch's order i, f, g, o) for short calls.

    oneDNN's own LSTM, which torch calls, packs its matrices in every call: at 32 kHz (two layers of 1,024) that takes as long as the
    25 frames of a chunk. Here they are packed once. The results differ from torch's in the last bit only, and do not depend on how the
    frames are cut into calls.
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        self._layers = [_Layer(lstm, index) for index in range(lstm.num_layers)]

    def __call__(self, frames: Tensor, state: State | None) -> tuple[Tensor, State]:
        outputs, hidden, cells = frames[:, 0], [], []
        for index, layer in enumerate(self._layers):
            before = None if state is None else (state[0][index], state[1][index])
            outputs, after = layer(outputs, before)
            hidden.append(after[0])
            cells.append(after[1])
        return outputs[:, None], (torch.stack(hidden), torch.stack(cells))


class _Layer:
    def __init__(self, lstm: nn.LSTM, index: int) -> None:
        weights = {name: getattr(lstm, f"{name}_l{index}").detach() for name in ("weight_ih", "weight_hh")}
        self._size = lstm.hidden_size
        self._from_input = PackedLinear(weights["weight_ih"])
        self._from_hidden = PackedLinear(weights["weight_hh"])
        self._bias = (getattr(lstm, f"bias_ih_l{index}") + getattr(lstm, f"bias_hh_l{index}")).detach()

    def __call__(self, frames: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Outputs `[frames, size]` and the next state of inputs `[frames, channels]` and a state; states are `[1, size]` twice."""
        hidden, cell = state if state is not None else (torch.zeros(1, self._size), torch.zeros(1, self._size))
        from_input = self._from_input(frames) + self._bias
        outputs = torch.empty(len(frames), self._size)
        for number in range(len(frames)):
            raw = self._from_hidden(hidden).add_(from_input[number]).view(4, self._size)
            candidate = torch.tanh(raw[2])
            gates = torch.sigmoid_(raw)
            cell = gates[1] * cell + gates[0] * candidate
            hidden = gates[3] * torch.tanh(cell)
            outputs[number] = hidden[0]
        return outputs, (hidden, cell)
