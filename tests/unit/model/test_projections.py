"""Projections of a take's states on directions: equal to their formula, moved by steering, the same in slices and windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resonance.steering.direction import Direction
from resonance_model.activations import SLICE_FRAMES, read_projections
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.delays import delayed_inputs
from resonance_model.loaded_model import LoadedModel

PROMPT = "calm piano music"


@pytest.fixture(scope="module")
def directions(tiny: LoadedModel) -> list[Direction]:
    chance = np.random.default_rng(3)
    shape = (tiny.config.layer_count, tiny.config.hidden_size)
    return [
        Direction(
            model_digest=tiny.description.digest,
            per_layer=chance.normal(size=shape).astype(np.float32),
            one_to_all=np.zeros(shape, np.float32),
            baselines=chance.normal(size=(2, shape[0])).astype(np.float32),
        )
        for _ in range(2)
    ]


def project(
    model: LoadedModel,
    codes: torch.Tensor,
    directions: list[Direction],
    *,
    steering: torch.Tensor | None = None,
    window_frames: int = 1000,
) -> torch.Tensor:
    conditioning = model.decoder.condition([(model.encode_text([PROMPT])[0], 1.0)])
    slot = CacheSlot(model.config, conditioning, steering=steering, branch_count=1)
    return torch.cat(list(read_projections(model.decoder, codes, slot, directions, window_frames=window_frames)))


def some_codes(model: LoadedModel, frame_count: int) -> torch.Tensor:
    return torch.randint(0, model.config.vocabulary_size, (4, frame_count), generator=torch.Generator().manual_seed(7))


class Keeper:
    """Keeps the states `[positions, hidden]` of each layer."""

    def __init__(self) -> None:
        self.states: dict[int, torch.Tensor] = {}

    def record(self, layer: int, hidden: torch.Tensor) -> None:
        self.states[layer] = hidden.clone()

    def record_text_attention(self, layer: int, added: torch.Tensor) -> None:
        pass


def test_they_are_the_formula_over_the_states_of_one_pass(tiny: LoadedModel, directions: list[Direction]) -> None:
    codes = some_codes(tiny, 2 * SLICE_FRAMES + 9)
    keeper = Keeper()
    conditioning = tiny.decoder.condition([(tiny.encode_text([PROMPT])[0], 1.0)])
    slot = CacheSlot(tiny.config, conditioning, recorder=keeper, branch_count=1)
    inputs = delayed_inputs(codes, start_token=tiny.config.start_token, step_count=codes.shape[1])
    with torch.inference_mode():
        tiny.decoder.read(slot, inputs)
    found = project(tiny, codes, directions)
    for number, direction in enumerate(directions):
        assert direction.baselines is not None
        by_layer = [
            (states @ torch.from_numpy(vector) - float(baseline)) / float(np.square(vector).sum())
            for states, vector, baseline in zip(
                keeper.states.values(), direction.per_layer, direction.baselines[0], strict=True
            )
        ]
        torch.testing.assert_close(found[:, number], torch.stack(by_layer).mean(dim=0), atol=1e-4, rtol=1e-3)


def test_a_direction_that_steers_is_seen(tiny: LoadedModel, directions: list[Direction]) -> None:
    """Steering with strength 2 adds 2 at the first layer, and what later layers carry on of it."""
    codes = some_codes(tiny, 60)
    plain = project(tiny, codes, directions)
    steering = 2.0 * torch.from_numpy(directions[0].per_layer)[:, None].expand(-1, 2, -1)
    steered = project(tiny, codes, directions, steering=steering)
    moved = (steered - plain).mean(dim=0)
    assert float(moved[0]) > 1.0
    assert abs(float(moved[1])) < 0.5 * float(moved[0])


def test_long_takes_are_read_in_windows_and_every_frame_once(tiny: LoadedModel, directions: list[Direction]) -> None:
    codes = some_codes(tiny, 250)
    whole, windowed = project(tiny, codes, directions), project(tiny, codes, directions, window_frames=100)
    assert windowed.shape == whole.shape
    torch.testing.assert_close(windowed[:100], whole[:100], atol=1e-4, rtol=1e-3)
    assert bool(torch.isfinite(windowed).all())


@pytest.mark.parametrize("frame_count", [1, SLICE_FRAMES, SLICE_FRAMES + 1, 100, 101, 150, 151])
def test_a_take_of_any_length_has_a_row_for_each_frame(
    tiny: LoadedModel, directions: list[Direction], frame_count: int
) -> None:
    assert len(project(tiny, some_codes(tiny, frame_count), directions, window_frames=100)) == frame_count
