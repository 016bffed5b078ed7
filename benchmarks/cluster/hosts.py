"""Two hosts on one machine: a network each, and a name server that knows the pods that are ready."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .command import run


@dataclass(slots=True, kw_only=True)
class Host:
    """A host: a bridge of its own. Its pods reach the other host's through this machine's routing."""

    name: str
    number: int
    _next: itertools.count[int] = field(default_factory=lambda: itertools.count(10))

    @property
    def network(self) -> str:
        return f"resonance-{self.name}"

    @property
    def router(self) -> str:
        return f"10.210.{self.number}.1"

    def new_address(self) -> str:
        """An address that no pod had before."""
        return f"10.210.{self.number}.{next(self._next)}"

    async def make(self) -> None:
        """Makes the network. Names are answered by `Names`, not by podman's server, which knows no readiness."""
        await run("podman", "network", "create", "--disable-dns", f"--subnet=10.210.{self.number}.0/24", self.network)

    async def remove(self) -> None:
        await run("podman", "network", "rm", "--force", self.network)


class Names:
    """Names of services as a cluster's DNS answers them: the addresses of the ready pods, by dnsmasq."""

    def __init__(self, folder: Path, hosts: Iterable[Host]) -> None:
        self._file = folder / "names"
        self._hosts = list(hosts)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._file.write_text("")
        self._process = await asyncio.create_subprocess_exec(
            *(
                "dnsmasq",
                "--keep-in-foreground",
                "--no-resolv",
                "--no-hosts",
                "--bind-dynamic",
                "--conf-file=/dev/null",
            ),
            *("--local=//", "--local-ttl=5", "--user=root", f"--addn-hosts={self._file}", "--pid-file="),
            *(f"--listen-address={host.router}" for host in self._hosts),
        )

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def tell(self, addresses: dict[str, list[str]]) -> None:
        """Replaces the addresses of all names."""
        assert self._process is not None
        self._file.write_text("".join(f"{ip} {name}\n" for name, found in addresses.items() for ip in found))
        self._process.send_signal(1)  # SIGHUP: the file is read anew
