"""Adoption on real services: parts made once, resumption, one worker at a time, listeners first."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.extracting import Bench
from support.histories import record_history
from support.polling import eventually
from support.prepared import put_slider

from resonance.errors import FailedPrecondition, ResonanceError
from resonance.store import ObjectStore
from resonance.store.keys import concept_key, piece_key, quarantine_key, reference_key
from resonance.store.quarantine import find_set_aside
from resonance.v1 import extract_pb2
from resonance_extract.activations import reference_takes
from resonance_extract.activations.background import Turns, in_background
from resonance_extract.activations.configuration import reference_digest
from resonance_extract.activations.reference_takes import PROMPTS, ReferenceTakes
from resonance_extract.adoption.activities import worker_plans
from resonance_extract.adoption.adoption import Adoption, parts_by_itself
from resonance_extract.adoption.document import AdoptionDocument
from resonance_extract.adoption.parts import Part, list_parts
from resonance_extract.adoption.progress import Progress, tell_duration
from resonance_extract.adoption.work import build_work
from resonance_extract.calibration.jobs import CalibrationJobs
from resonance_model.loaded_model import LoadedModel

SLIDERS = ("energy", "tempo")
HISTORIES = Path(__file__).parent / "histories"
record = pytest.mark.skipif(not os.environ.get("RECORD"), reason="RECORD=1 writes the history anew")
COMPLETED, FAILED, IDLE, RUNNING = (
    extract_pb2.ADOPTION_STATE_COMPLETED,
    extract_pb2.ADOPTION_STATE_FAILED,
    extract_pb2.ADOPTION_STATE_IDLE,
    extract_pb2.ADOPTION_STATE_RUNNING,
)


_JOBS: dict[int, tuple[Bench, CalibrationJobs]] = {}


def build(bench: Bench, *, setting: str = "auto", is_shipped: bool = False) -> Adoption:
    """An adoption of two sliders by few and short renderings, in a process of its own."""
    jobs, engine = bench.calibration_jobs(), bench.engines[-1]
    conditions = {"prompts": ["jazz"], "strengths": [-1.0, 1.0], "clip_s": 1.0, "apply": True}
    parts = list_parts(
        bench.references,
        bench.concepts,
        bench.planner,
        jobs,
        model_digest=bench.scope,
        sliders=SLIDERS,
        conditions=conditions,
    )
    adoption = Adoption(
        parts,
        AdoptionDocument(bench.store, model_digest=bench.digest),
        bench.worker,
        engine,
        model_digest=bench.digest,
        is_shipped=is_shipped,
        makes=parts_by_itself(setting, is_shipped=is_shipped),
        restore=lambda: asyncio.sleep(0),
        find_damaged=lambda: find_set_aside(bench.store),
        work_scope=bench.scope,
    )
    engine.serve(lambda: worker_plans(adoption, model_digest=bench.scope), adoption.submit_open)
    _JOBS[id(adoption)] = (bench, jobs)
    return adoption


@asynccontextmanager
async def running(adoption: Adoption) -> AsyncIterator[None]:
    """Runs it until the context ends, as a process that is then killed: its jobs stay open."""
    bench, jobs = _JOBS[id(adoption)]
    task = asyncio.create_task(adoption.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bench.end(jobs)


async def reached(adoption: Adoption, is_right: Callable[[extract_pb2.Adoption], bool]) -> extract_pb2.Adoption:
    async with asyncio.timeout(120):
        while not is_right(status := await adoption.status()):
            await asyncio.sleep(0.02)
    return status


@pytest.fixture
async def sliders(bench: Bench, tiny: LoadedModel) -> None:
    for seed, name in enumerate(SLIDERS):
        await put_slider(bench.store, tiny, name, seed)


@pytest.mark.usefixtures("sliders")
async def test_a_model_is_made_ready_and_no_part_is_made_twice(bench: Bench) -> None:
    adoption = build(bench)
    before = await adoption.status()
    assert [part.name for part in before.parts if part.state == IDLE] == [
        "range energy",
        "range tempo",
        "layers energy",
        "layers tempo",
    ]
    with pytest.raises(FailedPrecondition) as refusal:
        await adoption.check_complete()
    assert refusal.value.reason == "ADOPTION_INCOMPLETE"
    async with running(adoption):
        halfway = await reached(adoption, lambda status: status.progress.done >= 5 and status.HasField("seconds_left"))
        assert halfway.state == RUNNING
        assert halfway.seconds_left > 0
    made = len(bench.renderer.made)
    assert 0 < made < 2 * 4 + 2 * 11
    resumed = build(bench)
    async with running(resumed):
        done = await reached(resumed, lambda status: status.state == COMPLETED)
    assert (done.progress.done, done.progress.total) == (7, 7)
    # At most the two renderings that were in hand are made again.
    assert len(bench.renderer.made) <= 2 * 4 + 2 * 11 + 2
    await resumed.check_complete()
    assert (await bench.concepts.get("energy")).HasField("calibration")
    count = len(bench.renderer.made)
    async with running(build(bench)):
        await asyncio.sleep(0.2)
    assert len(bench.renderer.made) == count


@pytest.mark.usefixtures("sliders")
async def test_a_slider_that_the_model_cannot_follow_has_no_range_and_says_why(bench: Bench) -> None:
    for name in SLIDERS:
        concept = await bench.concepts.get(name)
        concept.unusable_reason = "its pairs are told apart no better than by chance"
        await bench.concepts.save(concept)
    adoption = build(bench)
    status = await adoption.status()
    assert status.state == COMPLETED
    assert {part.note for part in status.parts if part.name.startswith(("range", "layers"))} == {
        "its pairs are told apart no better than by chance"
    }
    await adoption.check_complete()


@pytest.mark.usefixtures("sliders")
async def test_a_model_that_ships_its_sliders_needs_no_more_until_it_is_asked_for(bench: Bench) -> None:
    adoption = build(bench, is_shipped=True)
    before = await adoption.status()
    assert (before.state, before.is_shipped, before.progress.total) == (COMPLETED, True, 3)
    async with running(adoption):
        assert (await adoption.start()).state == RUNNING
        await reached(adoption, lambda status: status.progress.done == 7)
    assert (await bench.concepts.get("tempo")).HasField("calibration")


@pytest.mark.usefixtures("sliders")
async def test_with_the_setting_off_nothing_is_made_until_it_is_asked_for(bench: Bench) -> None:
    adoption = build(bench, setting="off")
    async with running(adoption):
        await asyncio.sleep(0.1)
        assert bench.renderer.made == []
        await adoption.start()
        await reached(adoption, lambda _: bool(bench.renderer.made))
    assert [part.kind for part in list_parts_of(adoption) if parts_by_itself("sliders", is_shipped=False)(part)] == [
        "reference",
        "slider",
        "slider",
    ]


def list_parts_of(adoption: Adoption) -> list[Part]:
    return list(adoption._parts)


@pytest.mark.usefixtures("sliders")
async def test_two_replicas_do_not_make_the_same_part(bench: Bench) -> None:
    bench.renderer.pause_s = 0.05
    one, other = build(bench), build(bench)
    async with running(one):
        await reached(one, lambda status: status.state == RUNNING)
        async with running(other):
            told = await reached(other, lambda status: status.state == RUNNING and status.progress.done >= 3)
            assert [part.name for part in told.parts][:2] == ["reference", "slider energy"]
            await reached(one, lambda status: status.state == COMPLETED)
    assert len(bench.renderer.made) == 2 * 4 + 2 * 11


@pytest.mark.usefixtures("sliders")
async def test_a_part_that_fails_is_told_and_the_others_are_made(bench: Bench) -> None:
    bench.renderer.fails = True
    adoption = build(bench)
    async with running(adoption):
        status = await reached(adoption, lambda status: status.state == FAILED)
    assert [part.state for part in status.parts] == [COMPLETED] * 3 + [FAILED] * 4
    assert status.parts[3].note == "the test says so"


@pytest.mark.usefixtures("sliders")
async def test_an_adoption_in_the_background_waits_while_listeners_want_the_machine(bench: Bench) -> None:
    listening = [True]
    bench.worker.turns = Turns(lambda: listening[0])
    bench.renderer.known = None  # renderings of earlier tests would need no turn
    adoption = build(bench)
    async with running(adoption):
        waiting = await reached(adoption, lambda status: bool(status.progress.waiting))
        assert waiting.progress.waiting == "listeners, who go first"
        await asyncio.sleep(0.3)
        assert bench.renderer.made == []
        listening[0] = False
        await reached(adoption, lambda _: bool(bench.renderer.made))


@pytest.mark.usefixtures("sliders")
async def test_an_adoption_that_an_operator_cancels_is_not_begun_again_by_itself(bench: Bench) -> None:
    bench.renderer.pause_s = 0.1
    adoption, engine = build(bench, setting="off"), bench.engines[-1]
    async with running(adoption):
        await adoption.start()
        await reached(adoption, lambda _: bool(bench.renderer.made))
        assert await engine.cancel(build_work(bench.scope).work_id)
        assert (await adoption.status()).state != RUNNING
        await adoption.submit_open()
        state = await (await engine.overview()).find(build_work(bench.scope).work_id)
        assert state is not None
        assert state.status == "cancelled"


@record
@pytest.mark.usefixtures("sliders")
async def test_the_history_of_an_adoption_is_recorded(bench: Bench) -> None:
    adoption, engine = build(bench), bench.engines[-1]
    async with running(adoption):
        await adoption.start()
        await reached(adoption, lambda status: status.state == COMPLETED)
        work_id = build_work(bench.scope).work_id
        await engine.await_end(work_id)
        await record_history(bench.settings.engine, work_id, HISTORIES / "adopted-1.json")


async def test_a_caller_who_waits_for_background_work_does_not_wait_for_listeners_too() -> None:
    turns = Turns(lambda: True)

    async def work() -> str:
        with in_background():
            await turns.wait()
        return "done"

    task = asyncio.create_task(work())
    await asyncio.sleep(0.25)
    assert not task.done()
    assert turns.is_yielding
    with turns.urgent():
        assert await asyncio.wait_for(task, 5) == "done"
    assert turns.waited_s > 0.2


@pytest.fixture
def short_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_takes, "DURATION_S", 0.6)


@pytest.mark.usefixtures("short_takes")
async def test_a_reference_goes_on_with_the_takes_that_are_missing(bench: Bench) -> None:
    """A process that ends while it reads loses at most the takes in hand, and the result is the same."""
    whole = await ReferenceTakes(bench.worker, bench.store).read()
    keys = [key async for key in bench.store.keys(piece_key("").removesuffix(".safetensors"))]
    assert len(keys) == len(PROMPTS)
    for key in keys[:5]:
        await bench.store.delete(key)
    reports: list[tuple[int, int]] = []
    resumed = await ReferenceTakes(bench.worker, bench.store).read(lambda done, total: reports.append((done, total)))
    assert reports == [(done, 12) for done in range(7, 13)]
    assert resumed.to_bytes() == whole.to_bytes()
    await ReferenceTakes(bench.worker, bench.store).forget()
    assert [key async for key in bench.store.keys("pieces/")] == []


@pytest.mark.usefixtures("short_takes")
async def test_the_takes_of_a_reference_are_removed_once_it_is_stored(bench: Bench) -> None:
    key = reference_key(reference_digest(bench.digest))
    await bench.store.delete(key)
    assert not await bench.references.is_stored()
    await bench.references.get()
    assert await bench.references.is_stored()
    assert [one async for one in bench.store.keys("pieces/")] == []


class _Fixed:
    """A part of known length."""

    def __init__(self, kind: str, name: str, music_s: float, step_count: int) -> None:
        self.kind, self.name, self.music_s, self.step_count = kind, name, music_s, step_count

    async def why_left_out(self) -> str:
        return ""

    async def is_done(self) -> bool:
        return False

    async def make(self, report: Callable[[int, int], None]) -> None:
        raise ResonanceError("not in this test")


def test_the_time_left_follows_from_the_music_that_is_missing() -> None:
    now = [0.0]
    parts = [_Fixed("reference", "reference", 60, 12), _Fixed("slider", "a", 96, 4), _Fixed("range", "b", 192, 48)]
    progress = Progress(parts, clock=lambda: now[0])
    assert progress.seconds_left is None
    progress.begin(parts[0])
    progress.report(parts[0], 6, 12)  # of an earlier process
    assert progress.seconds_left is None
    now[0] = 30.0
    progress.report(parts[0], 9, 12)  # 15 s of music in 30 s
    assert progress.seconds_left == pytest.approx(2 * (15 + 96 + 192))
    progress.finish(parts[0])
    progress.begin(parts[1])
    progress.report(parts[1], 0, 4)
    now[0] = 54.0
    progress.report(parts[1], 1, 4)  # 24 s of music in 24 s
    assert progress.seconds_left == pytest.approx(72 + 192)
    assert [tell_duration(seconds) for seconds in (None, 30, 600, 9000)] == [
        "not known yet",
        "30 s",
        "10 min",
        "2.5 h",
    ]


async def test_a_lost_slider_is_missing_again(bench: Bench, tiny: LoadedModel) -> None:
    store: ObjectStore = bench.store
    for seed, name in enumerate(SLIDERS):
        await put_slider(store, tiny, name, seed)
    adoption = build(bench, is_shipped=True)
    assert (await adoption.status()).state == COMPLETED
    await store.delete(concept_key(bench.digest, "tempo"))
    status = await adoption.status()
    assert [part.name for part in status.parts if part.state != COMPLETED] == ["slider tempo"]


@pytest.mark.usefixtures("sliders")
async def test_a_model_that_is_ready_is_looked_at_again_once_an_object_was_set_aside(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resonance_extract.adoption.adoption._DAMAGE_EVERY_S", 0.01)
    adoption, looks = build(bench, setting="off"), []
    submit_open = adoption.submit_open

    async def counted() -> bool:
        looks.append(await submit_open())
        return looks[-1]

    monkeypatch.setattr(adoption, "submit_open", counted)
    async with running(adoption):
        await eventually(lambda: looks)
        await asyncio.sleep(0.3)
        assert looks == [False], "an idle process reads no part again"
        key = reference_key(bench.digest)
        await bench.store.put(quarantine_key(key), b"damaged")
        await eventually(lambda: looks == [False, False])
