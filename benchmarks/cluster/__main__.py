"""Builds the images, runs the laptop overlay's objects on two hosts of podman, plays faults, writes benchmarks/results/cluster.md.

python -m benchmarks.cluster [--rounds 5] [--previous COMMIT] [--no-build] [--short] [--build-volume HOST:PATH:ro ...]

Needs root, kubectl, and Debian's podman buildah runc netavark iptables dnsmasq-base debootstrap.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path

from resonance.durable.dev_server import server_command

from . import balance, outages, quiet, streams
from .command import run
from .control import Cluster
from .hosts import Host
from .images import base_image, build_all, build_previous
from .listener import Listener
from .objects import ROOT, SERVICES, Workload, render, workloads_of
from .rows import Row

RESULTS = ROOT / "benchmarks/results/cluster.md"
FIGURES = RESULTS.with_suffix(".json")
_ORDER = (
    *("start", "sizes", "followed", "killed", "rolled", "paused", "lost", "added", "refused", "fair"),
    *("rolled_all", "skewed", "store_away", "lost_host", "idle"),
)
_PAGE = """# The cluster on real pods

{machine}

`make cluster-test` writes this page. The objects are those of `deploy/k8s/overlays/laptop` as `kubectl kustomize` renders
them: image, arguments, environment, user, read-only root, capabilities, memory limit, volumes, probes, preStop, grace,
surge. Two networks of podman are two hosts. The test plays kubelet, scheduler, DNS and the controller of Deployments.
Gateway, `ingest`, `extract` and `generate` have two replicas each; the model is the embedded one.

| played | wanted | measured | met |
|---|---|---|---|
{table}
"""
_REPLICAS = {"gateway": 2, "ingest": 2, "extract": 2, "generate": 2}
# What podman refuses on machines with hybrid cgroups, or without the right to raise limits.
_CONTAINERS_CONF = """[containers]
default_ulimits=["nofile=20000:20000","nproc=4096:4096"]
[engine]
runtime="runc"
"""
_NOT_HERE = (
    Row(what="network policies", wanted="deny all but what they name", measured="not played: podman enforces none"),
    Row(
        what="probes",
        wanted="asked by a kubelet",
        measured="asked by this test with the objects' own numbers and periods",
    ),
    Row(
        what="store and engine",
        wanted="the images that the objects name",
        measured="their programs from PyPI: SeaweedFS of the same version with the object's arguments; Temporal's dev server "
        "with our flags in place of its server with PostgreSQL",
    ),
)


async def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="resonance-cluster-") as temporary:
        folder = Path(temporary)
        (folder / "containers.conf").write_text(_CONTAINERS_CONF)
        os.environ["CONTAINERS_CONF"] = str(folder / "containers.conf")
        base = await base_image(folder)
        machine = await _machine()
        if not arguments.no_build:
            await build_all(base, arguments.build_volume)
            if arguments.previous:
                await build_previous(
                    arguments.previous, ("generate", "ingest", "gateway"), base, arguments.build_volume
                )
        cluster = Cluster(folder, [Host(name="a", number=1), Host(name="b", number=2)], await _workloads(folder))
        rows: dict[str, Row] = {}
        try:
            await _play(cluster, arguments, base, machine, rows)
        finally:
            await _keep_logs(cluster)
            await cluster.stop()
    sys.exit(any(row.is_met is False for row in rows.values()))


async def _play(cluster: Cluster, arguments: argparse.Namespace, base: str, machine: str, rows: dict[str, Row]) -> None:
    begun = time.monotonic()
    await cluster.start()
    await cluster.when_ready(*SERVICES)
    started_s = time.monotonic() - begun
    one, two = [Listener(cluster, await quiet.key_of(cluster, name)) for name in ("one", "two")]
    await quiet.until_healthy(one)
    first = await one.take("first-1", 5.0)
    rows["start"] = Row(
        what="from empty networks to music: all pods ready, a key made in `ingest`, a take of 5 s",
        wanted="<= 15 min with the images built",
        measured=f"ready after {started_s:.0f} s, music heard after {time.monotonic() - begun:.0f} s",
        is_met=first.is_whole and time.monotonic() - begun <= 900,
    )
    print(rows["start"], flush=True)
    parts: list[tuple[str, Awaitable[Row]]] = [
        ("sizes", quiet.image_sizes(base)),
        ("followed", quiet.followed(cluster, one)),
        ("killed", streams.killed(cluster, one, 1 if arguments.short else arguments.rounds)),
        ("rolled", streams.rolled(cluster, one, 1 if arguments.short else arguments.rounds)),
    ]
    if not arguments.short:
        parts += [
            ("added", balance.added(cluster, one)),
            ("refused", balance.refused(cluster, one, arguments.refused)),
            ("fair", balance.fair(cluster, one, two, 50)),
            ("paused", streams.paused(cluster, one)),
            ("lost", streams.lost(cluster, one)),
            ("lost_host", outages.lost_host(cluster, one)),
            ("store_away", outages.store_away(cluster, one)),
            ("rolled_all", outages.rolled_all(cluster, one)),
        ]
        if arguments.previous:
            parts.append(("skewed", outages.skewed(cluster, one, arguments.previous, 60.0)))
        parts.append(("idle", quiet.idle_requests(cluster, arguments.idle_s)))
    for name, part in parts:
        if arguments.only and name not in arguments.only:
            part.close()  # type: ignore[attr-defined]
            continue
        await cluster.when_ready(*SERVICES)
        try:
            rows[name] = await part
        except Exception as failure:  # the other parts go on, and the page says so
            rows[name] = Row(
                what=f"part `{name}`", wanted="ends", measured=f"{type(failure).__name__}: {failure}", is_met=False
            )
            traceback.print_exc()
        print(rows[name], flush=True)
        if not arguments.short:
            _write(rows, machine)


async def _workloads(folder: Path) -> dict[str, Workload]:
    """The laptop overlay's workloads: two of each service that takes part, and the engine as its dev server."""
    found = workloads_of(await render("laptop", folder))
    del found["postgres"]
    engine = found["temporal"].pod["containers"][0]
    command = server_command("temporal", 7233, Path("/tmp/engine.db"))[1:]
    engine["args"] = ["0.0.0.0" if each == "127.0.0.1" else each for each in command]
    found["temporal"].environment["HOME"] = "/tmp"
    for name, replicas in _REPLICAS.items():
        found[name].replicas = replicas
    return found


async def _keep_logs(cluster: Cluster) -> None:
    folder = ROOT / "build/cluster-logs"
    folder.mkdir(parents=True, exist_ok=True)
    for pod in cluster.pods:
        (folder / f"{pod.name}.log").write_text(await pod.log())
    print(f"the pods' logs are in {folder}", file=sys.stderr)


async def _machine() -> str:
    commit = (await run("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")).strip()
    podman = (await run("podman", "--version")).strip()
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} at {commit}: {podman} on {os.cpu_count()} cores of {platform.machine()}, which "
        "other work shared."
    )


def _write(rows: dict[str, Row], machine: str) -> None:
    """Writes the page; rows of parts that were not played now stay as they were measured."""
    kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    kept |= {name: {"row": str(row), "when": machine} for name, row in rows.items()}
    FIGURES.write_text(json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    machines = list(dict.fromkeys(each["when"] for each in kept.values()))
    table = "\n".join([*(kept[name]["row"] for name in _ORDER if name in kept), *map(str, _NOT_HERE)])
    RESULTS.write_text(_PAGE.format(machine="\n\n".join(machines), table=table))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--rounds", type=int, default=5, help="faults of each kind on streams; four takes stream in each"
    )
    parser.add_argument("--refused", type=int, default=100, help="takes asked beside a full replica")
    parser.add_argument("--idle-s", type=float, default=240.0, help="seconds for which idle replicas are watched")
    parser.add_argument("--previous", default="", help="an older commit whose images run beside the new ones")
    parser.add_argument("--no-build", action="store_true", help="takes the images that are there")
    parser.add_argument("--short", action="store_true", help="one kill and one roll, and no page; for CI")
    parser.add_argument("--only", nargs="*", default=[], help="names of parts")
    parser.add_argument(
        "--build-volume", action="append", default=[], help="HOST:PATH:ro, such as a package index on disk"
    )
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
