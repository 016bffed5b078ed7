"""Workflow engine of one machine: start, memory, idle CPU, cancels, takeover, throughput.

python -m benchmarks.durable      writes benchmarks/results/durable.md
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.support.durable_work import Steps

from resonance.durable import Engine, Work
from resonance.errors import ResonanceError
from resonance.settings import Settings

RESULTS = Path(__file__).parent / "results/durable.md"
JOBS, WORKERS, CANCELS, STARTS, TAKEOVERS, IDLE_S = 1000, 3, 8, 3, 5, 60.0
_TOGETHER = 16
TICKS = os.sysconf("SC_CLK_TCK")


class CountedSteps(Steps):
    """Activities that count in memory: files would be measured too."""

    def __init__(self, folder: Path, task_queue: str, *, running_max: int) -> None:
        super().__init__(folder, task_queue, running_max=running_max)
        self.tally: Counter[str] = Counter()

    def _mark(self, name: str, argument: dict[str, str]) -> None:
        self.tally[f"{name}.{argument['id']}"] += 1
        self.tally[name] += 1


def engine_in(folder: Path, steps: Steps) -> Engine:
    """An engine whose file lies in the folder, with a worker."""
    engine = Engine(Settings(data_dir=folder))

    async def nothing_to_resume() -> None:
        """The benchmark submits its work itself."""

    engine.serve(steps.plans, nothing_to_resume)
    return engine


def steps_in(folder: Path, *, running_max: int = 4) -> Steps:
    """Activities that count in the folder."""
    folder.mkdir(parents=True)
    return Steps(folder, "bench", running_max=running_max)


def work(work_id: str) -> Work:
    """One piece of work of two steps."""
    return Work(kind="TwoSteps", work_id=work_id, owner="", task_queue="bench", argument={"id": work_id, "fails": ""})


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def until(condition, limit_s: float = 600.0, look_s: float = 0.01) -> float:  # type: ignore[no-untyped-def]
    """Seconds until the condition holds."""
    began_s = time.monotonic()
    while not condition():
        if time.monotonic() - began_s > limit_s:
            raise TimeoutError("the benchmark waited too long")
        await asyncio.sleep(look_s)
    return time.monotonic() - began_s


async def starts(folder: Path) -> list[float]:
    """Seconds from the first use to a connected engine with a worker, each time with a new file."""
    taken = []
    for number in range(STARTS):
        engine = engine_in(folder / str(number), steps_in(folder / f"marks-{number}"))
        began_s = time.monotonic()
        await engine.start()
        taken.append(time.monotonic() - began_s)
        await engine.close()
    return taken


async def cancels(engine: Engine, steps: Steps) -> list[float]:
    """Seconds from the cancel to the activity's CancelledError."""
    taken = []
    for number in range(CANCELS):
        work_id = f"cancel-{number}"
        await engine.submit(work(work_id))
        await until(lambda work_id=work_id: steps.counts()[f"gate.{work_id}"])
        steps.cancelled.clear()
        began_s = time.monotonic()
        cancelling = asyncio.create_task(engine.cancel(work_id))
        await steps.cancelled.wait()
        taken.append(time.monotonic() - began_s)
        await cancelling
    return taken


async def throughput(folder: Path) -> tuple[float, int]:
    """Activities a second of many queued jobs on workers that are processes of their own, and activities that ran twice."""
    marks = folder / "marks"
    marks.mkdir(parents=True)
    engine = Engine(Settings(data_dir=folder / "data"))
    await engine.start()
    for number in range(JOBS):
        (marks / f"job-{number}.open").touch()
    for first in range(0, JOBS, _TOGETHER):
        await asyncio.gather(
            *(engine.submit(work(f"job-{number}")) for number in range(first, min(first + _TOGETHER, JOBS)))
        )
    began_s = time.monotonic()
    workers = [await start_worker(folder, f"counts-{number}.json") for number in range(WORKERS)]

    def tally() -> Counter[str]:
        counts: Counter[str] = Counter()
        for path in folder.glob("counts-*.json"):
            counts.update(json.loads(path.read_text()))
        return counts

    await until(lambda: tally()["gate-done"] >= JOBS, 1800.0, look_s=0.25)
    took_s, counts = time.monotonic() - began_s, tally()
    twice = sum(counts[f"{name}.job-{number}"] > 1 for name in ("quick", "gate") for number in range(JOBS))
    for worker in workers:
        worker.kill()
        await worker.wait()
    await engine.close()
    return 2 * JOBS / took_s, twice


async def start_worker(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    """A worker in a process of its own, on the server that this process runs."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.durable", "worker", str(folder), *arguments
    )


async def takeover(folder: Path) -> tuple[float, float]:
    """Seconds until another worker has an activity of a killed one, and until a killed engine answers again."""
    steps = steps_in(folder / "marks")
    engine = Engine(Settings(data_dir=folder / "data"))
    await engine.start()
    child = await start_worker(folder)
    await engine.submit(work("one"))
    await until(lambda: steps.counts()["gate.one"])
    for plan in steps.plans():
        assert engine._session is not None
        engine._session.work_on(plan)
    child.kill()
    await child.wait()
    taken_over_s = await until(lambda: steps.counts()["gate.one"] == 2)
    os.kill(engine.server_pid, signal.SIGKILL)
    killed_s = time.monotonic()
    while True:
        try:
            await (await engine.overview()).list(limit=1)
            break
        except ResonanceError:
            await asyncio.sleep(0.02)
    back_s = time.monotonic() - killed_s
    await engine.close()
    return taken_over_s, back_s


async def work_as_child(folder: Path, counts: str = "") -> None:
    """A worker of its own process. With `counts` it keeps its counts in memory, and writes them into that file now and then."""
    kept = CountedSteps(folder / "marks", "bench", running_max=20)
    engine = engine_in(folder / "data", kept if counts else Steps(folder / "marks", "bench"))
    await engine.start()
    while True:
        await asyncio.sleep(0.25)
        if counts:
            (folder / f"{counts}.new").write_text(json.dumps(kept.tally))
            (folder / f"{counts}.new").replace(folder / counts)


def middle_and_end(values: list[float]) -> tuple[float, float]:
    """Median and longest."""
    return statistics.median(values), max(values)


async def measure() -> str:
    """All figures as a page."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        started = await starts(folder / "starts")
        steps = steps_in(folder / "marks")
        engine = engine_in(folder / "data", steps)
        await engine.start()
        fresh_mb = rss_mb(engine.server_pid)
        heard = await cancels(engine, steps)
        before_s = cpu_s(engine.server_pid)
        await asyncio.sleep(IDLE_S)
        idle = (cpu_s(engine.server_pid) - before_s) / IDLE_S
        after_mb = rss_mb(engine.server_pid)
        await engine.close()
        rate, twice = await throughput(folder / "throughput")
        ends = [await takeover(folder / f"takeover-{number}") for number in range(TAKEOVERS)]
    asking = await asyncio.create_subprocess_exec("git", "rev-parse", "--short", "HEAD", stdout=subprocess.PIPE)
    commit = (await asking.communicate())[0].decode().strip()
    rows = [
        (
            "first use to connected, with a new file",
            "<= 1 s",
            f"{statistics.median(started):.2f} s ({min(started):.2f} to {max(started):.2f})",
        ),
        ("memory, started / after traffic", "<= 220 MB", f"{fresh_mb:.0f} / {after_mb:.0f} MB"),
        ("idle CPU of one core", "<= 0.5 %", f"{100 * idle:.2f} %"),
        (
            "cancel until the activity knows, median / longest",
            "<= 0.25 s",
            f"{statistics.median(heard):.2f} / {max(heard):.2f} s",
        ),
        (
            f"{JOBS:,} queued jobs of two activities, {WORKERS} workers in processes of their own",
            "all done, none twice, >= 20 activities/s",
            f"all done, {twice} ran twice, {rate:.0f} activities/s",
        ),
        (
            "a killed worker's activity runs on another one, median / longest",
            "<= 5 s",
            "{:.1f} / {:.1f} s".format(*middle_and_end([taken_s for taken_s, _ in ends])),
        ),
        (
            "a killed engine answers again, median / longest",
            "about 1 s",
            "{:.1f} / {:.1f} s".format(*middle_and_end([back_s for _, back_s in ends])),
        ),
    ]
    load = os.getloadavg()[0]
    lines = [
        "# The workflow engine of one machine",
        "",
        f"Measured on {datetime.now(UTC):%Y-%m-%d} at {commit}: {os.cpu_count()} cores of {platform.machine()}, load {load:.1f} "
        "from other work meanwhile. `python -m benchmarks.durable` writes this page.",
        "",
        "| figure | wanted | measured |",
        "|---|---|---|",
        *(f"| {name} | {wanted} | {measured} |" for name, wanted, measured in rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        asyncio.run(work_as_child(Path(sys.argv[2]), *sys.argv[3:]))
    else:
        page = asyncio.run(measure())
        RESULTS.write_text(page)
        print(page)
