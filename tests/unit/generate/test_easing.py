"""Adaptive steering of a running request: changes without bursts.

A change starts from the steering that is really added.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from resonance_generate.engine.chunk_stream import ChunkStream
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest, GenerationParams, SteeringRule
from resonance_generate.engine.running_request import RAMP_FRAMES, RunningRequest
from resonance_model.decoder.batch_step import advance
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.adaptive import AdaptiveSteering

FRAMES = 120
FAR = -1e6  # a baseline from which all music lies far beyond the target


def params_of(
    model: LoadedModel, *, strength: float = 1.0, prompt: str = "jazz", base: float = FAR
) -> GenerationParams:
    steering = torch.zeros(model.config.layer_count, 2, model.config.hidden_size)
    steering[:, 0] = strength
    return GenerationParams(
        recipe_id=f"{prompt}-{strength}",
        prompts=((prompt, 1.0),),
        steering=steering,
        baselines=torch.full((model.config.layer_count,), base),
        rule=SteeringRule.EASE,
        guidance_scale=3.0,
        temperature=1.0,
        top_k=50,
    )


def request_of(params: GenerationParams) -> EngineRequest:
    stream = ChunkStream(asyncio.get_running_loop(), samples_max=10_000_000)
    return EngineRequest(request_id="r", params=params, seed=1, frame_count=None, chunk_frames=25, stream=stream)


def added(running: RunningRequest) -> float:
    """The norm of the steering that the last step added, over all layers."""
    slot = running.sequence.slot
    if slot.steering is None:
        return 0.0
    return float((slot.steering if slot.adaptive is None else slot.adaptive.applied(slot.steering)).norm())


def steps(running: RunningRequest, model: LoadedModel, count: int) -> list[float]:
    found = []
    with torch.inference_mode():
        for _ in range(count):
            running.before_step()
            advance(model.decoder, [running.sequence], None)
            found.append(added(running))
    return found


@pytest.fixture
async def eased(tiny: LoadedModel) -> RunningRequest:
    """A request whose music lies beyond its target: the steering has eased off."""
    running = RunningRequest(request_of(params_of(tiny)), tiny)
    whole = steps(running, tiny, 1)[0]
    assert steps(running, tiny, FRAMES)[-1] < 0.02 * whole
    return running


async def test_the_same_recipe_or_another_prompt_leaves_the_push_where_it_is(
    eased: RunningRequest, tiny: LoadedModel
) -> None:
    before = added(eased)
    for prompt in ("jazz", "rock"):
        eased.update(params_of(tiny, prompt=prompt))
        assert max(steps(eased, tiny, RAMP_FRAMES + 3)) <= before


async def test_a_slider_that_is_released_adds_nothing(eased: RunningRequest, tiny: LoadedModel) -> None:
    before = added(eased)
    eased.update(replace(params_of(tiny), steering=None, baselines=None))
    after = steps(eased, tiny, RAMP_FRAMES + 1)
    assert max(after) <= before
    assert after[-1] == 0.0


async def test_a_small_move_takes_a_small_step(eased: RunningRequest, tiny: LoadedModel) -> None:
    whole = float(params_of(tiny, strength=1.1).steering.norm())  # type: ignore[union-attr]
    eased.update(params_of(tiny, strength=1.1))
    assert max(steps(eased, tiny, RAMP_FRAMES + 3)) < 0.12 * whole


async def test_a_change_to_the_plain_sum_is_ramped_from_what_was_added(
    eased: RunningRequest, tiny: LoadedModel
) -> None:
    before = added(eased)
    eased.update(replace(params_of(tiny), rule=SteeringRule.ADD))
    after = steps(eased, tiny, RAMP_FRAMES)
    whole = float(params_of(tiny).steering.norm())  # type: ignore[union-attr]
    assert after[0] == pytest.approx(before + (whole - before) / RAMP_FRAMES, rel=1e-3)
    assert after[-1] == pytest.approx(whole)


async def test_changes_in_a_ramp_go_on_from_where_it_is(eased: RunningRequest, tiny: LoadedModel) -> None:
    far = params_of(tiny, strength=-1.0, base=1e6)
    eased.update(far)
    last = steps(eased, tiny, 5)[-1]
    eased.update(replace(far, steering=None, baselines=None))
    assert max(steps(eased, tiny, RAMP_FRAMES)) <= last


def test_what_a_monitor_says_is_added_is_what_it_adds(tiny: LoadedModel) -> None:
    params = params_of(tiny, strength=0.5)
    assert params.steering is not None
    assert params.baselines is not None
    adaptive = AdaptiveSteering(params.steering, params.baselines, is_clamp=False)
    adaptive.continue_from(2 * params.steering, torch.full((3,), 0.25), torch.full_like(params.steering, 3.0))
    adaptive.fade(0.5)
    states = torch.randn(2, 1, tiny.config.hidden_size)
    added_here: list[Tensor] = [adaptive.addition(layer, states, params.steering[layer])[:, 0] for layer in range(3)]
    torch.testing.assert_close(torch.stack(added_here), adaptive.applied(params.steering))


@pytest.fixture
async def engine(tiny: LoadedModel) -> AsyncIterator[Engine]:
    engine = Engine(tiny, slot_count=1, queue_places=0, stall_s_max=5)
    engine.start()
    yield engine
    await asyncio.to_thread(engine.stop)


async def test_the_engine_itself_adds_no_burst(
    tiny: LoadedModel, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms: list[float] = []
    addition = AdaptiveSteering.addition

    def spy(self: AdaptiveSteering, layer: int, states: Tensor, push: Tensor) -> Tensor:
        found = addition(self, layer, states, push)
        norms.append(float(found.norm()))
        return found

    monkeypatch.setattr(AdaptiveSteering, "addition", spy)
    request = request_of(params_of(tiny))
    engine.submit(request)
    while len(norms) < 3 * FRAMES:
        await anext(request.stream)
    first = norms[0]

    def change(running: RunningRequest) -> int:
        running.update(params_of(tiny, prompt="rock"))
        return len(norms)

    changed = await asyncio.wrap_future(engine.apply(request, change))
    while len(norms) < changed + 3 * RAMP_FRAMES:
        await anext(request.stream)
    assert max(norms[changed - 3 :]) < 0.02 * first
    request.stream.close()
