"""Pods: containers of podman with the user, limits, folders and environment that a workload's object says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .command import CommandFailed, run
from .hosts import Host
from .objects import Workload, quantity


@dataclass(slots=True, kw_only=True, eq=False)
class Pod:
    """A container, and what the kubelet knows of it."""

    name: str
    workload: Workload
    host: Host
    address: str
    has_started: bool = False
    is_ready: bool = False
    is_leaving: bool = False
    restarts: int = 0

    async def start(self, image: str, folder: Path) -> None:
        """Runs the container. Volumes of the pod are folders of their own that everybody may write to."""
        chosen = ["podman", "run", "--detach", "--pull=never", f"--name={self.name}"]
        await run(*chosen, *self._arguments(folder), image, *self.workload.container.get("args", []))

    async def signal(self, name: str) -> None:
        await run("podman", "kill", f"--signal={name}", self.name)

    async def restart(self) -> None:
        """Starts the container that has ended once more, with its address and its folders."""
        self.has_started = self.is_ready = False
        self.restarts += 1
        await run("podman", "start", self.name)

    async def pause(self) -> None:
        """Stops all its processes where they are."""
        await run("podman", "pause", self.name)

    async def unpause(self) -> None:
        await run("podman", "unpause", self.name)

    async def cut_off(self) -> None:
        """Drops all packets from and to the pod, as a host does that the network has lost."""
        for chain in ("INPUT", "OUTPUT"):
            await self._in_network("iptables", "-I", chain, "!", "-i" if chain == "INPUT" else "-o", "lo", "-j", "DROP")

    async def join_again(self) -> None:
        await self._in_network("iptables", "-F")

    async def is_running(self) -> bool:
        try:
            found = json.loads(await run("podman", "inspect", "--format={{json .State.Status}}", self.name))
        except CommandFailed:
            return False
        return found in ("running", "paused")

    async def log(self) -> str:
        """What its containers have written, the ended ones included."""
        return await run("sh", "-c", f"podman logs {self.name} 2>&1")

    async def remove(self) -> None:
        await run("podman", "rm", "--force", "--time=0", "--volumes", self.name)

    async def _in_network(self, *command: str) -> None:
        pid = (await run("podman", "inspect", "--format={{.State.Pid}}", self.name)).strip()
        await run("nsenter", "-t", pid, "-n", *command)

    def _arguments(self, folder: Path) -> list[str]:
        pod, container = self.workload.pod, self.workload.container
        security = pod["securityContext"] | container["securityContext"]
        user = f"{security['runAsUser']}:{security['runAsGroup']}"
        chosen = [
            f"--network={self.host.network}",
            f"--ip={self.address}",
            f"--dns={self.host.router}",
            f"--user={user}",
        ]
        chosen += [
            f"--memory={quantity(container['resources']['limits']['memory'])}",
            "--security-opt=no-new-privileges",
        ]
        chosen += [f"--cap-drop={name}" for name in security["capabilities"]["drop"]]
        if security.get("readOnlyRootFilesystem"):
            chosen += ["--read-only", "--read-only-tmpfs=false"]
        for mount in container.get("volumeMounts", []):
            volume = folder / self.name / mount["name"]
            volume.mkdir(parents=True, exist_ok=True)
            volume.chmod(0o777)
            chosen.append(f"--volume={volume}:{mount['mountPath']}")
        chosen += [f"--env={name}={text}" for name, text in self.workload.environment_at(self.address).items()]
        return chosen
