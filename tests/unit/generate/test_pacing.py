"""A live performance's chunks are made as late as they can be, and begun sooner where making one has taken long."""

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
from resonance_generate.performance import LEAD_S
from resonance_model.decoder.sequence import advance
from resonance_model.loaded_model import LoadedModel

CHUNK_S, STEP_S, TICK_S = 0.2, 0.005, 0.001
_PARAMS = GenerationParams(
    recipe_id="", prompts=(("jazz", 1.0),), steering=None, guidance_scale=3.0, temperature=1.0, top_k=50
)


class StaticBatch:
    """One performance and a clock that only moves when it is told to."""

    def __init__(self, model: LoadedModel, chunk_s: float = CHUNK_S) -> None:
        self.model = model
        self.now_s = 0.0
        job = EngineRequest(
            request_id="live",
            params=_PARAMS,
            seed=1,
            frame_count=None,
            chunk_frames=round(chunk_s * 50),
            stream=ChunkStream(asyncio.get_running_loop(), samples_max=10**9),
            lead_s=LEAD_S,
        )
        self.row = RunningRequest(job, model, lambda: self.now_s)
        self.spare_s: list[float] = []  # what a listener had in hand when each chunk came
        self._sent = 0

    def play(self, seconds: float, *, step_s: float = STEP_S) -> None:
        """So long, with steps that take so long."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            if not plan([self.row], self.now_s):
                self.now_s += TICK_S
                continue
            before_s = self.row.slack_s(self.now_s)
            self.row.before_step()
            advance(self.model.decoder, [self.row.sequence])
            self.now_s += step_s
            if self.row.is_chunk_due:
                self.row.send_chunk()
            after_s = self.row.slack_s(self.now_s)
            if after_s > before_s:
                self.spare_s.append(after_s - CHUNK_S)


@pytest.fixture
async def stage(tiny: LoadedModel) -> StaticBatch:
    return StaticBatch(tiny)


async def test_a_chunk_comes_its_lead_before_it_is_needed_and_hardly_sooner(stage: StaticBatch) -> None:
    with torch.inference_mode():
        stage.play(12.0)
    assert min(stage.spare_s[1:]) >= LEAD_S - STEP_S - TICK_S
    assert max(stage.spare_s[-15:]) <= LEAD_S + STEP_S, "what is made too soon obeys too late"


async def test_slow_company_is_met_by_beginning_sooner_and_forgotten(stage: StaticBatch) -> None:
    with torch.inference_mode():
        stage.play(8.0)
        quiet = len(stage.spare_s)
        stage.play(3.0, step_s=0.015)  # a chunk takes 150 ms instead of 50
        slow = stage.spare_s[quiet:]
        assert min(slow) >= 0, "nobody waits, not even for the first slow chunk"
        assert min(slow[2:]) >= LEAD_S - 0.015 - TICK_S
        stage.play(12.0)
    assert max(stage.spare_s[-15:]) <= LEAD_S + STEP_S


async def test_a_pause_is_no_slow_chunk(stage: StaticBatch) -> None:
    with torch.inference_mode():
        stage.play(8.0)
        stage.row.pause(stage.now_s)
        stage.now_s += 30.0
        assert not plan([stage.row], stage.now_s)
        stage.row.play(stage.now_s)
        stage.play(3.0)
    assert max(stage.spare_s[-5:]) <= LEAD_S + STEP_S


async def test_a_control_is_obeyed_by_what_nobody_has_heard_all_of(stage: StaticBatch) -> None:
    """Between two chunks the codebooks' delay is taken back: it is said again at once, and the next chunk is later by
    those steps at most."""
    with torch.inference_mode():
        stage.play(8.0)
        while plan([stage.row], stage.now_s):
            stage.play(STEP_S)
        sent = len(stage.spare_s)
        for turn in range(8):
            step, ready = stage.row.sequence.step, stage.row.sequence.frames_ready
            shaped = stage.row.update(replace(_PARAMS, recipe_id=f"turn {turn}", temperature=0.5))
            assert shaped == ready * 320 == (step - 3) * 320
            stage.play(2.5 * STEP_S)
            assert (stage.row.sequence.step, stage.row.sequence.frames_ready) == (step, ready)
            stage.play(0.5)
            while plan([stage.row], stage.now_s):
                stage.play(STEP_S)
    assert min(stage.spare_s[sent:]) >= LEAD_S - 4 * STEP_S - TICK_S


async def test_what_came_too_late_is_not_made_up_for(stage: StaticBatch) -> None:
    """A listener who had to wait plays on from there: sound made faster than it is played would lie between the knob and the ear."""
    with torch.inference_mode():
        stage.play(8.0)
        stage.now_s += 5.0
        made_s = stage.row.sequence.frames_ready / 50
        stage.play(4.0)
    assert stage.row.sequence.frames_ready / 50 - made_s < 4.5
    assert min(stage.spare_s[-5:]) >= LEAD_S - STEP_S - TICK_S


@pytest.mark.parametrize("chunk_s", [0.2, 0.5, 1.0, 2.5])
async def test_chunks_of_any_length_begin_without_a_gap(tiny: LoadedModel, chunk_s: float) -> None:
    """Sound that is made three times as fast as it is played never runs out, though a chunk of 2.5 s takes longer than the first lasts."""
    stage = StaticBatch(tiny, chunk_s)
    dry = REGISTRY.get_sample_value("resonance_engine_underruns_total") or 0
    with torch.inference_mode():
        stage.play(8.0, step_s=0.006)
    assert (REGISTRY.get_sample_value("resonance_engine_underruns_total") or 0) == dry
    counts = [piece.sample_count for piece in stage.row.job.stream._pieces]
    assert counts[0] == 3200
    assert counts[-1] == chunk_s * 16_000


async def test_nobody_runs_dry_in_a_pause(stage: StaticBatch) -> None:
    with torch.inference_mode():
        stage.play(2.0)
        stage.row.pause(stage.now_s)
        before_s = stage.row.slack_s(stage.now_s)
        assert stage.row.slack_s(stage.now_s + 30.0) == before_s
        stage.now_s += 30.0
        stage.row.play(stage.now_s)
    assert stage.row.slack_s(stage.now_s) == pytest.approx(before_s)


class Other:
    """A take with so much sound in hand."""

    def __init__(self, slack_s: float, *, is_live: bool = False) -> None:
        self._slack_s = slack_s
        self.is_live = is_live

    def may_move(self, now_s: float) -> bool:
        return True

    def slack_s(self, now_s: float) -> float:
        return self._slack_s


def test_who_has_a_second_in_hand_waits_for_a_live_chunk() -> None:
    live, late, easy = Other(0.2, is_live=True), Other(0.5), Other(2.0)
    assert plan([live, late, easy], 0.0) == [live, late]
    assert plan([late, easy], 0.0) == [late, easy], "without one everybody moves, but who has ample sound"
    assert plan([late, Other(5.0)], 0.0) == [late]
    pressed, drowned = Other(0.05, is_live=True), Other(-0.05, is_live=True)
    assert plan([live, pressed, late, easy], 0.0) == [live, pressed], "a late chunk is waited for by all"
    assert plan([drowned, late, easy], 0.0) == [drowned, late], "but nobody starves where it comes too late anyhow"
    ahead = Other(30.0, is_live=True)
    assert plan([ahead, late], 0.0) == [ahead, late], "a live row moves only when it must"
