"""Pacing of live chunks: late starts, earlier after slow chunks."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import torch
from prometheus_client import REGISTRY

from resonance_generate.engine.chunk_stream import ChunkStream
from resonance_generate.engine.request import EngineRequest, GenerationParams
from resonance_generate.engine.running_request import RunningRequest
from resonance_generate.engine.scheduler import plan
from resonance_generate.performance import LIVE_MARGIN_S
from resonance_model.decoder.batch_step import advance
from resonance_model.loaded_model import LoadedModel

CHUNK_S, STEP_S, TICK_S = 0.2, 0.005, 0.001
_PARAMS = GenerationParams(
    recipe_id="", prompts=(("jazz", 1.0),), steering=None, guidance_scale=3.0, temperature=1.0, top_k=50
)


class LivePacing:
    """One performance and a clock that only the test moves.

    Pacing depends on the clock alone. The tokens are therefore given and not sampled, which saves the decoder's time, unless `is_sampled`.
    """

    def __init__(self, model: LoadedModel, chunk_s: float = CHUNK_S, *, is_sampled: bool = False) -> None:
        self.model = model
        self.now_s = 0.0
        request = EngineRequest(
            request_id="live",
            params=_PARAMS,
            seed=1,
            frame_count=None,
            chunk_frames=round(chunk_s * 50),
            stream=ChunkStream(asyncio.get_running_loop(), samples_max=10**9),
            lead_s=LIVE_MARGIN_S,
        )
        self.running = RunningRequest(request, model, lambda: self.now_s)
        self.spare_s: list[float] = []  # slack of a client when each chunk came
        self._is_sampled = is_sampled
        self._tokens = torch.ones(model.config.codebook_count, dtype=torch.int64)

    def play(self, seconds: float, *, step_s: float = STEP_S) -> None:
        """Plays for so many seconds of the clock, with steps of `step_s`."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            if not plan([self.running], self.now_s):
                self.now_s += TICK_S
                continue
            before_s = self.running.slack_s(self.now_s)
            self.running.before_step()
            self._take_step()
            self.now_s += step_s
            if self.running.is_chunk_due:
                self.running.send_chunk()
            after_s = self.running.slack_s(self.now_s)
            if after_s > before_s:
                self.spare_s.append(after_s - CHUNK_S)

    def _take_step(self) -> None:
        if self._is_sampled:
            advance(self.model.decoder, [self.running.sequence])
        else:
            self.running.sequence.accept(self._tokens)


@pytest.fixture
async def live(tiny: LoadedModel) -> LivePacing:
    return LivePacing(tiny)


async def test_a_chunk_comes_its_lead_before_it_is_needed_and_hardly_sooner(live: LivePacing) -> None:
    with torch.inference_mode():
        live.play(12.0)
    assert min(live.spare_s[1:]) >= LIVE_MARGIN_S - STEP_S - TICK_S
    assert max(live.spare_s[-15:]) <= LIVE_MARGIN_S + STEP_S, (
        "a chunk that is made too early reacts too late to a control"
    )


async def test_after_slow_chunks_the_next_begin_earlier_for_a_while(live: LivePacing) -> None:
    with torch.inference_mode():
        live.play(8.0)
        quiet = len(live.spare_s)
        live.play(3.0, step_s=0.015)  # a chunk takes 150 ms instead of 50
        slow = live.spare_s[quiet:]
        assert min(slow) >= 0, "the client never waits, not even for the first slow chunk"
        assert min(slow[2:]) >= LIVE_MARGIN_S - 0.015 - TICK_S
        live.play(12.0)
    assert max(live.spare_s[-15:]) <= LIVE_MARGIN_S + STEP_S


async def test_a_pause_is_no_slow_chunk(live: LivePacing) -> None:
    with torch.inference_mode():
        live.play(8.0)
        live.running.pause()
        live.now_s += 30.0
        assert not plan([live.running], live.now_s)
        live.running.play()
        live.play(3.0)
    assert max(live.spare_s[-5:]) <= LIVE_MARGIN_S + STEP_S


async def test_a_control_acts_on_frames_that_are_not_complete_yet(tiny: LoadedModel) -> None:
    """Between two chunks the steps of the codebooks' delay are taken back and taken again at once; the next chunk is later by those
    steps at most."""
    live = LivePacing(tiny, is_sampled=True)
    with torch.inference_mode():
        live.play(8.0)
        while plan([live.running], live.now_s):
            live.play(STEP_S)
        sent = len(live.spare_s)
        for turn in range(8):
            step, ready = live.running.sequence.step, live.running.sequence.frames_ready
            shaped = live.running.update(replace(_PARAMS, recipe_id=f"turn {turn}", temperature=0.5))
            assert shaped == ready * 320 == (step - 3) * 320
            live.play(2.5 * STEP_S)
            assert (live.running.sequence.step, live.running.sequence.frames_ready) == (step, ready)
            live.play(0.5)
            while plan([live.running], live.now_s):
                live.play(STEP_S)
    assert min(live.spare_s[sent:]) >= LIVE_MARGIN_S - 4 * STEP_S - TICK_S


async def test_the_time_of_a_late_chunk_is_not_caught_up(live: LivePacing) -> None:
    """A client that had to wait plays on from there: audio made faster than it is played would delay every control."""
    with torch.inference_mode():
        live.play(8.0)
        live.now_s += 5.0
        made_s = live.running.sequence.frames_ready / 50
        live.play(4.0)
    assert live.running.sequence.frames_ready / 50 - made_s < 4.5
    assert min(live.spare_s[-5:]) >= LIVE_MARGIN_S - STEP_S - TICK_S


@pytest.mark.parametrize("chunk_s", [0.2, 0.5, 1.0, 2.5])
async def test_chunks_of_any_length_begin_without_a_gap(tiny: LoadedModel, chunk_s: float) -> None:
    """Audio made three times as fast as it is played never runs out, though a chunk of 2.5 s takes longer than the first one lasts."""
    live = LivePacing(tiny, chunk_s)
    dry = REGISTRY.get_sample_value("resonance_engine_underruns_total") or 0
    with torch.inference_mode():
        live.play(8.0, step_s=0.006)
    assert (REGISTRY.get_sample_value("resonance_engine_underruns_total") or 0) == dry
    counts = [block.sample_count for block in live.running.request.stream.waiting]
    assert counts[0] == 3200
    assert counts[-1] == chunk_s * 16_000


async def test_no_client_runs_dry_in_a_pause(live: LivePacing) -> None:
    with torch.inference_mode():
        live.play(2.0)
        live.running.pause()
        before_s = live.running.slack_s(live.now_s)
        assert live.running.slack_s(live.now_s + 30.0) == before_s
        live.now_s += 30.0
        live.running.play()
    assert live.running.slack_s(live.now_s) == pytest.approx(before_s)


class Fixed:
    """A request with a given slack."""

    is_background = False

    def __init__(self, slack_s: float, *, is_live: bool = False) -> None:
        self._slack_s = slack_s
        self.is_live = is_live

    def may_move(self, now_s: float) -> bool:
        return True

    def slack_s(self, now_s: float) -> float:
        return self._slack_s


def test_a_request_with_a_second_of_slack_waits_for_a_live_chunk() -> None:
    live, late, easy = Fixed(0.2, is_live=True), Fixed(0.5), Fixed(2.0)
    assert plan([live, late, easy], 0.0) == [live, late]
    assert plan([late, easy], 0.0) == [late, easy], "without one all move that have no ample slack"
    assert plan([late, Fixed(5.0)], 0.0) == [late]
    pressed, drowned = Fixed(0.05, is_live=True), Fixed(-0.05, is_live=True)
    assert plan([live, pressed, late, easy], 0.0) == [live, pressed], "a late chunk is waited for by all"
    assert plan([drowned, late, easy], 0.0) == [drowned, late], (
        "but no other request starves where it comes too late anyhow"
    )
    ahead = Fixed(30.0, is_live=True)
    assert plan([ahead, late], 0.0) == [ahead, late], "a live request moves only when it must"
