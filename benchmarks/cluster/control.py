"""What a cluster does with pods: it places them, asks their probes, names the ready ones, restarts, scales and rolls."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from . import probes
from .command import CommandFailed
from .hosts import Host, Names
from .images import image_of
from .objects import SERVICES, Workload
from .pods import Pod

_TICK_S = 0.5
_UNREACHABLE_S = 50.0  # Kubernetes' node-monitor-grace-period: until then a lost host's pods keep their names
_START_S_MAX = 300.0


class Cluster:
    """Pods of workloads on hosts, cared for until `stop`."""

    def __init__(self, folder: Path, hosts: list[Host], workloads: dict[str, Workload]) -> None:
        self.workloads, self.hosts = workloads, hosts
        self.pods: list[Pod] = []
        self._folder, self._names = folder, Names(folder, hosts)
        self._lost: dict[str, float] = {}  # when a host was cut off
        self._numbers: defaultdict[str, itertools.count[int]] = defaultdict(lambda: itertools.count(1))
        self._tasks: dict[Pod, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Makes the networks and runs all workloads; a service's pods wait for the store as any pod waits for another."""
        for host in self.hosts:
            await host.make()
        await self._names.start()
        await asyncio.gather(*(self.add(name) for name in ("store", "temporal")))
        await self.when_ready("store", "temporal")
        for name in SERVICES:
            await self.scale(name, self.workloads[name].replicas)

    async def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await asyncio.gather(*(pod.remove() for pod in self.pods), return_exceptions=True)
        await self._names.stop()
        for host in self.hosts:
            with suppress(CommandFailed):
                await host.remove()

    def of(self, name: str) -> list[Pod]:
        """The workload's pods that are not leaving."""
        return [pod for pod in self.pods if pod.workload.name == name and not pod.is_leaving]

    def ready(self, name: str) -> list[Pod]:
        """The pods that a Service of that name leads to."""
        return [pod for pod in self.of(name) if pod.is_ready]

    async def add(self, name: str, version: str = "0.1.0") -> Pod:
        """Runs one more pod, on the host with the fewest of its kind."""
        workload = self.workloads[name]
        host = min(self.hosts, key=lambda each: sum(pod.host is each for pod in self.of(name)))
        pod = Pod(
            name=f"resonance-{name}-{next(self._numbers[name])}",
            workload=workload,
            host=host,
            address=host.new_address(),
        )
        self.pods.append(pod)
        await pod.start(image_of(name, version if name in SERVICES else "0.1.0"), self._folder / "volumes")
        self._tasks[pod] = asyncio.create_task(self._care(pod), name=pod.name)
        return pod

    async def delete(self, pod: Pod) -> None:
        """Ends a pod as Kubernetes does: out of the name, preStop, SIGTERM, SIGKILL after the grace."""
        pod.is_leaving = True
        self._tell()
        begun = time.monotonic()
        await asyncio.sleep(pod.workload.pre_stop_s)
        with suppress(CommandFailed):
            await pod.signal("TERM")
        while time.monotonic() - begun < pod.workload.grace_s and await pod.is_running():
            await asyncio.sleep(_TICK_S)
        self._tasks.pop(pod).cancel()
        self.pods.remove(pod)
        await pod.remove()

    async def scale(self, name: str, replicas: int) -> None:
        """Brings the number of pods to that many; new ones need not be ready yet."""
        while len(self.of(name)) < replicas:
            await self.add(name)
        await asyncio.gather(*(self.delete(pod) for pod in self.of(name)[replicas:]))

    async def roll(self, name: str, version: str = "0.1.0") -> None:
        """Replaces each pod: one new one is ready before an old one ends (maxSurge 1, maxUnavailable 0)."""
        ends = []
        for pod in self.of(name):
            new = await self.add(name, version)
            await self.until(lambda new=new: new.is_ready, f"{new.name} is ready")
            ends.append(asyncio.create_task(self.delete(pod)))
        await asyncio.gather(*ends)

    async def when_ready(self, *names: str) -> None:
        """Returns when all pods of these workloads are ready."""
        await self.until(lambda: all(pod.is_ready for name in names for pod in self.of(name)), f"{names} are ready")

    async def until(self, holds: Callable[[], bool], what: str, within_s: float = _START_S_MAX) -> None:
        """Waits. Raises TimeoutError with the words."""
        end = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError(f"not within {within_s:.0f} s: {what}")
            await asyncio.sleep(0.1)

    async def lose(self, host: Host) -> None:
        """Cuts a host off from everything, the one that asks its probes included."""
        self._lost[host.name] = time.monotonic()
        await asyncio.gather(*(pod.cut_off() for pod in self.pods if pod.host is host))

    async def find(self, host: Host) -> None:
        await asyncio.gather(*(pod.join_again() for pod in self.pods if pod.host is host))
        del self._lost[host.name]

    async def _care(self, pod: Pod) -> None:
        """Plays the kubelet for one pod. Startup probes are asked every second, the others at their periods."""
        failures: defaultdict[str, int] = defaultdict(int)
        due = dict.fromkeys(("readiness", "liveness"), 0.0)
        while True:
            await asyncio.sleep(_TICK_S)
            if self._is_lost(pod):
                continue
            if not pod.is_leaving and not await pod.is_running():
                failures.clear()
                self._set_ready(pod, False)
                with suppress(CommandFailed):
                    await pod.restart()
                continue
            if not pod.has_started:
                pod.has_started = await self._answers(pod, "startup")
                await asyncio.sleep(_TICK_S)
                continue
            for kind in due:
                probe = pod.workload.container.get(f"{kind}Probe")
                is_new = not pod.is_ready and not failures["readiness"]  # asked at once after the start
                if probe is None or (time.monotonic() < due[kind] and not is_new):
                    continue
                due[kind] = time.monotonic() + probe.get("periodSeconds", 10)
                failures[kind] = 0 if await self._answers(pod, kind) else failures[kind] + 1
            if failures["readiness"] == 0:
                self._set_ready(pod, True)
            elif failures["readiness"] >= 3:
                self._set_ready(pod, False)
            most = pod.workload.container.get("livenessProbe", {}).get("failureThreshold", 3)
            if failures["liveness"] >= most:
                failures.clear()
                await pod.signal("KILL")

    async def _answers(self, pod: Pod, kind: str) -> bool:
        container = pod.workload.container
        probe = container.get(f"{kind}Probe")
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        return probe is None or await probes.answers(pod.address, probe, ports)

    def _is_lost(self, pod: Pod) -> bool:
        since = self._lost.get(pod.host.name)
        if since is not None and time.monotonic() - since > _UNREACHABLE_S:
            self._set_ready(pod, False)
        return since is not None

    def _set_ready(self, pod: Pod, is_ready: bool) -> None:
        if pod.is_ready != is_ready:
            pod.is_ready = is_ready
            self._tell()

    def _tell(self) -> None:
        self._names.tell({name: [pod.address for pod in self.ready(name)] for name in self.workloads})
