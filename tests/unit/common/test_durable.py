"""Engine's door: start on first use, restarts, lost files, cancels, refusals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from support import one_now_all_later
from support.durable_work import Steps
from support.engine_server import engine_url  # noqa: F401  (fixture)
from support.polling import eventually
from temporalio.client import Client

from resonance.durable import Engine, Work, WorkFilter
from resonance.durable import dev_server as dev_server_module
from resonance.durable.address import read_engine_address
from resonance.durable.work import ARGUMENT_BYTES_MAX, WorkStatus
from resonance.errors import FailedPrecondition, InvalidInput, Unavailable, Unsupported
from resonance.ids import new_request_id
from resonance.settings import Settings, read_settings
from resonance.telemetry.traces import request_span


class Bench:
    """Engines on one data folder, whose work is kept as a list that every engine resumes."""

    def __init__(self, folder: Path, engine: str = "") -> None:
        self.settings = Settings(data_dir=folder / "data", engine=engine)
        (folder / "marks").mkdir()
        self.steps = Steps(folder / "marks", task_queue=new_request_id())
        self.open: list[Work] = []
        self.engines: list[Engine] = []

    def engine(self) -> Engine:
        engine = Engine(self.settings)

        async def resume() -> None:
            for work in self.open:
                await engine.submit(work)

        engine.serve(self.steps.plans, resume)
        self.engines.append(engine)
        return engine

    async def submit(self, engine: Engine, work_id: str, *, owner: str = "", fails: str = "") -> None:
        work = Work(
            kind="TwoSteps",
            work_id=work_id,
            owner=owner,
            task_queue=self.steps.task_queue,
            argument={"id": work_id, "fails": fails},
        )
        self.open.append(work)
        await engine.submit(work)

    def count(self, name: str, work_id: str) -> int:
        return self.steps.counts()[f"{name}.{work_id}"]

    async def status(self, engine: Engine, work_id: str) -> WorkStatus | None:
        state = await (await engine.overview()).find(work_id)
        return state.status if state else None


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for engine in bench.engines:
        await engine.close()


@pytest.fixture
async def shared(tmp_path: Path, engine_url: str) -> AsyncIterator[tuple[Bench, Engine]]:  # noqa: F811
    """An engine on the session's server."""
    bench = Bench(tmp_path, engine_url)
    yield bench, bench.engine()
    for engine in bench.engines:
        await engine.close()


async def test_nothing_is_started_before_the_first_use_and_work_runs_after_it(bench: Bench) -> None:
    engine = bench.engine()
    assert not engine.is_started
    assert not (bench.settings.data_dir / "engine").exists()
    await bench.submit(engine, "one")
    assert engine.is_started
    bench.steps.open_gate("one")
    await eventually(lambda: bench.count("gate-done", "one"))

    async def is_completed() -> bool:
        return await bench.status(engine, "one") == WorkStatus.COMPLETED

    await eventually(is_completed)
    pid = engine.server_pid
    await engine.close()
    await eventually(lambda: not _is_alive(pid))


async def test_the_same_id_runs_once_at_a_time(shared: tuple[Bench, Engine]) -> None:
    (bench, engine), one = shared, new_request_id()
    await asyncio.gather(*(bench.submit(engine, one) for _ in range(5)))
    await eventually(lambda: bench.count("gate", one))
    bench.steps.open_gate(one)
    await eventually(lambda: bench.count("gate-done", one))
    assert (bench.count("quick", one), bench.count("gate", one)) == (1, 1)


async def test_a_step_works_for_the_request_that_submitted_it(shared: tuple[Bench, Engine]) -> None:
    (bench, engine), one, other = shared, new_request_id(), new_request_id()
    await bench.submit(engine, other)  # it opens the engine, which submits all open work again
    with request_span({}, method="POST", request_id="my-trace-42"):
        await bench.submit(engine, one)
    await eventually(lambda: bench.count("gate", one) and bench.count("gate", other))
    assert (bench.steps.request_ids[one], bench.steps.request_ids[other]) == ("my-trace-42", "")
    for each in (one, other):
        bench.steps.open_gate(each)


async def test_a_killed_engine_comes_back_and_the_work_goes_on(bench: Bench) -> None:
    engine = bench.engine()
    await bench.submit(engine, "one")
    await eventually(lambda: bench.count("gate", "one"))
    killed = engine.server_pid
    os.kill(killed, signal.SIGKILL)
    await eventually(lambda: engine.server_pid not in (0, killed))
    bench.steps.open_gate("one")

    async def is_completed() -> bool:
        try:
            return await bench.status(engine, "one") == WorkStatus.COMPLETED
        except Unavailable:
            return False

    await eventually(is_completed)
    assert bench.count("quick", "one") == 1


@pytest.mark.parametrize("loss", one_now_all_later(["damaged", "no database", "gone"]))
async def test_a_lost_file_is_replaced_and_open_work_runs_again_under_its_id(bench: Bench, loss: str) -> None:
    engine = bench.engine()
    await bench.submit(engine, "one")
    await eventually(lambda: bench.count("gate", "one"))
    assert (engine.is_remote, engine.server_pid > 0) == (False, True)
    await engine.close()
    folder = bench.settings.data_dir / "engine"
    database = folder / "engine.db"
    data = database.read_bytes()
    if loss == "damaged":
        database.write_bytes(data[:4096] + bytes(len(data) - 8192) + data[-4096:])
    elif loss == "no database":
        database.write_bytes(b"not a database" * 1000)
    else:
        for part in folder.glob("engine.db*"):
            part.unlink()
    again = bench.engine()
    await again.start()
    await eventually(lambda: bench.count("gate", "one") == 2)
    assert len(list(folder.glob("engine.set-aside-*.db"))) == (loss != "gone")
    bench.steps.open_gate("one")
    await eventually(lambda: bench.count("gate-done", "one"))


async def test_a_cancel_reaches_the_running_step(shared: tuple[Bench, Engine]) -> None:
    (bench, engine), one = shared, new_request_id()
    await bench.submit(engine, one)
    await eventually(lambda: bench.count("gate", one))
    assert await engine.cancel(one, wait_s=20.0)
    assert bench.steps.cancelled.is_set()
    assert await bench.status(engine, one) == WorkStatus.CANCELLED
    assert (engine.is_remote, engine.server_pid) == (True, 0)
    assert await engine.cancel(new_request_id())


async def test_a_service_that_is_away_is_tried_again_and_a_wrong_request_is_not(shared: tuple[Bench, Engine]) -> None:
    (bench, engine), away, wrong = shared, new_request_id(), new_request_id()
    bench.steps.open_gate(away)
    await bench.submit(engine, away, fails="away")
    await bench.submit(engine, wrong, fails="wrong")
    await eventually(lambda: bench.count("gate-done", away))

    async def has_failed() -> bool:
        return await bench.status(engine, wrong) == WorkStatus.FAILED

    await eventually(has_failed)
    assert (bench.count("quick", away), bench.count("quick", wrong)) == (3, 1)


async def test_work_is_listed_by_owner_and_status(shared: tuple[Bench, Engine]) -> None:
    bench, engine = shared
    ada, bob = new_request_id(), new_request_id()
    await bench.submit(engine, f"{ada}-1", owner=ada)
    await bench.submit(engine, f"{bob}-1", owner=bob)

    async def listed(owner: str) -> list[str]:
        return [
            state.work_id for state in await (await engine.overview()).list(WorkFilter(owner=owner, status="running"))
        ]

    async def is_listed() -> bool:
        return await listed(ada) == [f"{ada}-1"] and {f"{ada}-1", f"{bob}-1"} <= set(await listed(""))

    await eventually(is_listed)
    assert await (await engine.overview()).list(WorkFilter(status="completed", owner=ada)) == []
    assert await (await engine.overview()).list(WorkFilter(owner=ada, older_than_s=3600.0)) == []
    assert [
        state.work_id for state in await (await engine.overview()).list(WorkFilter(owner=ada, younger_than_s=3600.0))
    ] == [f"{ada}-1"]


async def test_work_is_listed_by_the_reason_of_its_last_failure(shared: tuple[Bench, Engine]) -> None:
    (bench, engine), ada = shared, new_request_id()
    for work_id, fails in ((f"{ada}-wrong", "wrong"), (f"{ada}-away", "away for long"), (f"{ada}-well", "")):
        await bench.submit(engine, work_id, owner=ada, fails=fails)

    async def listed(reason: str) -> list[str]:
        return [state.work_id for state in await (await engine.overview()).list(WorkFilter(owner=ada, reason=reason))]

    async def has_failed() -> bool:
        return await listed("WRONG_FOR_GOOD") == [f"{ada}-wrong"] and await listed("AWAY") == [f"{ada}-away"]

    await eventually(has_failed)
    state = await (await engine.overview()).find(f"{ada}-wrong")
    assert state is not None
    assert (state.reason, state.last_failure) == ("WRONG_FOR_GOOD", "it cannot be so")
    assert await listed("NO_SUCH_REASON") == []


async def test_steps_are_counted_with_their_waits_and_their_failures(shared: tuple[Bench, Engine]) -> None:
    (bench, engine), work_id = shared, new_request_id()

    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    def counts() -> tuple[float, ...]:
        return (
            value("resonance_work_step_failures_total", step="quick", reason="UNAVAILABLE"),
            value("resonance_work_step_seconds_count", step="quick", outcome="failed"),
            value("resonance_work_step_seconds_count", step="quick", outcome="ok"),
            value("resonance_work_step_wait_seconds_count", step="quick"),
        )

    before = counts()
    bench.steps.open_gate(work_id)
    await bench.submit(engine, work_id, fails="away")
    await eventually(lambda: bench.count("gate-done", work_id))
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [2, 2, 1, 3]


async def test_what_waits_in_a_queue_is_told_with_its_age(
    shared: tuple[Bench, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, engine = shared
    monkeypatch.setattr("resonance.durable.queues.LOOK_S", 0.1)
    bench.steps.running_max = 1

    def value(name: str) -> float:
        return REGISTRY.get_sample_value(name, {"queue": bench.steps.task_queue}) or 0.0

    many = [new_request_id() for _ in range(3)]
    for work_id in many:
        await bench.submit(engine, work_id)
    await eventually(lambda: value("resonance_work_queue_steps") and value("resonance_work_queue_age_seconds") > 0.2)
    for work_id in many:
        bench.steps.open_gate(work_id)
    await eventually(lambda: all(bench.count("gate-done", work_id) for work_id in many))
    await eventually(lambda: value("resonance_work_queue_age_seconds") == 0.0)


async def test_one_owner_with_much_work_does_not_hold_up_another(shared: tuple[Bench, Engine]) -> None:
    """Steps of half a second, one at a time: while the other's first step waits, one or two of them begin."""
    bench, engine = shared
    bench.steps.running_max = 1
    many = [f"{bench.steps.task_queue}-{number}" for number in range(20)]
    for work_id in many:
        bench.steps.open_gate(work_id)
        await bench.submit(engine, work_id, owner="ada", fails="slow")
    await eventually(lambda: bench.count("quick-done", many[0]))
    await asyncio.sleep(1.0)  # all of them are queued by now
    late = new_request_id()
    bench.steps.open_gate(late)
    asked_s = time.time()
    await bench.submit(engine, late, owner="bob", fails="slow")
    await eventually(lambda: bench.count("quick", late), deadline_s=60.0)
    between = bench.steps.begun_between(asked_s, bench.steps.began_s("quick", late))
    of_ada = sum(count for name, count in between.items() if name in {f"quick.{one}" for one in many})
    assert of_ada <= 3  # in the order of the queue all that are left
    assert sum(bench.count("quick", one) for one in many) < len(many)


async def test_two_processes_of_one_folder_share_an_engine_and_the_second_takes_it_over(bench: Bench) -> None:
    first, second = bench.engine(), bench.engine()
    await first.start()
    await bench.submit(second, "one")
    assert second.server_pid == 0
    await eventually(lambda: bench.count("gate", "one"))
    await first.close()
    await eventually(lambda: second.server_pid)
    bench.steps.open_gate("one")
    await eventually(lambda: bench.count("gate-done", "one"))


async def test_the_engine_ends_with_a_killed_parent(bench: Bench) -> None:
    code = (
        "import asyncio, pathlib, sys\n"
        "from resonance.durable import Engine\n"
        "from resonance.settings import Settings\n"
        "async def main():\n"
        "    engine = Engine(Settings(data_dir=pathlib.Path(sys.argv[1])))\n"
        "    await engine.start()\n"
        "    print(engine.server_pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", code, str(bench.settings.data_dir)]
    parent = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        pid = int(await parent.stdout.readline())
        assert _is_alive(pid)
    finally:
        parent.kill()
        await parent.communicate()
    await eventually(lambda: not _is_alive(pid))


async def test_a_missing_program_is_one_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev_server_module, "_PROGRAM", "no-such-program")
    with pytest.raises(Unsupported, match="RESONANCE_ENGINE=temporal://HOST:7233/NAMESPACE") as caught:
        await bench.engine().start()
    assert caught.value.reason == "NO_ENGINE"


async def test_an_address_at_which_nothing_answers_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resonance.durable.session._CONNECT_S_MAX", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match="does not answer") as caught:
        await Engine(Settings(engine=f"temporal://127.0.0.1:{port}/music")).start()
    assert caught.value.reason == "ENGINE_AWAY"


@pytest.mark.parametrize(
    "address", ["http://host:7233/x", "temporal://host", "temporal://me@host:7233/x", "temporal://host:7233/a/b", "x"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="RESONANCE_ENGINE: must be temporal://HOST:PORT/NAMESPACE"):
        read_settings({"RESONANCE_ENGINE": address})


def test_files_of_an_address_are_read_and_turn_tls_on(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret\n")
    settings = read_settings(
        {"RESONANCE_ENGINE": "temporal://host:7233/music", "RESONANCE_ENGINE_API_KEY_FILE": str(key)}
    )
    address = read_engine_address(settings)
    assert (address.target, address.namespace, address.api_key, address.is_tls) == (
        "host:7233",
        "music",
        "secret",
        True,
    )
    key.unlink()
    with pytest.raises(FailedPrecondition, match="RESONANCE_ENGINE_API_KEY_FILE"):
        read_engine_address(settings)


def test_arguments_stay_small() -> None:
    with pytest.raises(ValueError, match="larger than"):
        Work(kind="K", work_id="w", owner="", task_queue="q", argument={"text": "x" * ARGUMENT_BYTES_MAX})


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_caller_that_leaves_in_any_moment_of_the_start_leaves_no_worker_behind(
    tmp_path: Path,
    engine_url: str,  # noqa: F811
) -> None:
    """Also in the one iteration of the event loop between the end of the start and the caller's turn."""
    bench, loop = Bench(tmp_path, engine_url), asyncio.get_running_loop()

    def cancel_after(iterations: int, caller: asyncio.Task[None]) -> None:
        loop.call_soon(cancel_after, iterations - 1, caller) if iterations else caller.cancel()

    for iterations in range(8):
        engine, callers = Engine(bench.settings), list[asyncio.Task[None]]()

        def plans(iterations: int = iterations, callers: list[asyncio.Task[None]] = callers) -> Any:
            loop.call_soon_threadsafe(cancel_after, iterations, callers[0])
            return bench.steps.plans()

        engine.serve(plans, nothing_is_open)
        callers.append(asyncio.create_task(engine.start()))
        await asyncio.wait(callers)
        await engine.close()
        assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("worker of")] == []


async def nothing_is_open() -> None:
    """A service without open work."""


async def test_paused_work_begins_no_further_step_until_it_goes_on(bench: Bench) -> None:
    engine = bench.engine()
    await bench.submit(engine, "one")
    await eventually(lambda: bench.count("gate", "one"))
    await (await engine.overview()).pause("one")
    assert await bench.status(engine, "one") == WorkStatus.PAUSED
    assert [state.work_id for state in await (await engine.overview()).list(WorkFilter(status="paused"))] == ["one"]
    bench.steps.open_gate("one")
    await eventually(lambda: bench.count("gate-done", "one"))
    assert not await engine.await_end("one", wait_s=1.0), "the step in hand ends, and the work waits"
    await (await engine.overview()).resume("one")
    assert await engine.await_end("one", wait_s=20.0)
    assert await bench.status(engine, "one") == WorkStatus.COMPLETED


@pytest.mark.timeout(600)  # on a machine with fifteen others at work it took three minutes
async def test_an_owner_of_fifty_works_has_another_take_its_turn(tmp_path: Path, engine_url: str) -> None:  # noqa: F811
    """One place for steps, 50 works of one owner in line: the one work of another owner has its turn next."""
    bench = Bench(tmp_path, engine_url)
    bench.steps.running_max = 1
    engine = bench.engine()
    many = [f"{bench.steps.task_queue}-{number}" for number in range(50)]
    other = f"{bench.steps.task_queue}-other"

    try:
        for work_id in (*many, other):
            bench.steps.open_gate(work_id)
        for work_id in many:
            await bench.submit(engine, work_id, owner="o-many", fails="slow")
        await eventually(lambda: sum(bench.count("quick", work_id) for work_id in many) >= 3)
        await bench.submit(engine, other, owner="o-one", fails="slow")
        await eventually(lambda: bench.count("quick", other))
        queued_s, began_s = await _queued_s(engine_url, other), bench.steps.began_s("quick", other)
        between = bench.steps.begun_between(queued_s, began_s)
        first = sum(between[f"{step}.{work_id}"] for step in ("quick", "gate") for work_id in many)
        later = sum(bench.steps.begun_between(began_s, time.time())[f"quick.{work_id}"] for work_id in many)
        waiting = sum(not bench.count("quick", work_id) for work_id in many)
        print(f"{first} steps of the owner of many began while the other's waited; {later + waiting} came later")
        assert later + waiting >= 1  # all of these were queued before it: without turns none came later
    finally:
        for work_id in (*many, other):
            await engine.cancel(work_id, wait_s=0.0)
        await engine.close()


async def _queued_s(engine_url: str, work_id: str) -> float:  # noqa: F811
    """When the engine queued the first activity of a work, in seconds since 1970."""
    target, namespace = engine_url.removeprefix("temporal://").split("/")
    client = await Client.connect(target, namespace=namespace)
    history = await client.get_workflow_handle(work_id).fetch_history()
    event = next(one for one in history.events if one.HasField("activity_task_scheduled_event_attributes"))
    return event.event_time.ToDatetime(UTC).timestamp()
