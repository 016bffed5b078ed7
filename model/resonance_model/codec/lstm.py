"""The codec's LSTM a few frames at a time, over matrices that are packed once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from resonance_model.linear import PackedLinear, is_layout_known

State = tuple[Tensor, Tensor]
StreamingLstm = Callable[[Tensor, State | None], tuple[Tensor, State]]

# Below this many weights our small operations cost more than a call's packing: 4.3 against 2.4 ms for 27 frames of two layers of 256.
_PACKED_MIN = 1_000_000


def build_lstm(lstm: nn.LSTM) -> StreamingLstm:
    """The LSTM itself, or, where it is large and on a CPU with oneDNN, a `PackedLstm` over its weights.

    Both take frames `[frames, 1, channels]` and a state, None at the start, and give outputs of that shape and the state after them.
    """
    weight = lstm.weight_hh_l0
    is_large = weight.device.type == "cpu" and weight.dtype == torch.float32 and weight.numel() >= _PACKED_MIN
    return PackedLstm(lstm) if is_large and is_layout_known(torch.float32) else lstm


class PackedLstm:
    """An LSTM of one direction (Hochreiter and Schmidhuber 1997, gates in torch's order i, f, g, o) for short calls.

    oneDNN's own LSTM, which torch calls, lays out its matrices anew in every call: at 32 kHz (two layers of 1,024) that costs as much as
    the twenty-five frames of a chunk. Here they are laid out once. The results differ from torch's in the last bit only, and do not depend
    on how the frames are cut into calls.
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        self._layers = [_Layer(lstm, number) for number in range(lstm.num_layers)]

    def __call__(self, frames: Tensor, state: State | None) -> tuple[Tensor, State]:
        rows, hidden, cells = frames[:, 0], [], []
        for number, layer in enumerate(self._layers):
            before = None if state is None else (state[0][number], state[1][number])
            rows, after = layer(rows, before)
            hidden.append(after[0])
            cells.append(after[1])
        return rows[:, None], (torch.stack(hidden), torch.stack(cells))


class _Layer:
    def __init__(self, lstm: nn.LSTM, number: int) -> None:
        weights = {name: getattr(lstm, f"{name}_l{number}").detach() for name in ("weight_ih", "weight_hh")}
        self._size = lstm.hidden_size
        self._from_input = PackedLinear(weights["weight_ih"])
        self._from_hidden = PackedLinear(weights["weight_hh"])
        self._bias = (getattr(lstm, f"bias_ih_l{number}") + getattr(lstm, f"bias_hh_l{number}")).detach()

    def __call__(self, rows: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Rows `[frames, channels]` and the state `[1, size]` twice; the same after them."""
        hidden, cell = state if state is not None else (torch.zeros(1, self._size), torch.zeros(1, self._size))
        asked = self._from_input(rows) + self._bias
        outputs = torch.empty(len(rows), self._size)
        for number in range(len(rows)):
            raw = self._from_hidden(hidden).add_(asked[number]).view(4, self._size)
            candidate = torch.tanh(raw[2])
            gates = torch.sigmoid_(raw)
            cell = gates[1] * cell + gates[0] * candidate
            hidden = gates[3] * torch.tanh(cell)
            outputs[number] = hidden[0]
        return outputs, (hidden, cell)
