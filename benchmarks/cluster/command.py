"""Programs that the cluster test runs: podman, buildah, kubectl, iptables."""

from __future__ import annotations

import asyncio


class CommandFailed(RuntimeError):
    """A program ended with another status than 0; the message has what it printed."""


async def run(*command: str, timeout_s: float = 600.0) -> str:
    """What the program prints. Raises CommandFailed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    printed, complained = await asyncio.wait_for(process.communicate(), timeout_s)
    if process.returncode:
        raise CommandFailed(f"{' '.join(command[:4])} …: {complained.decode(errors='replace').strip()[-600:]}")
    return printed.decode(errors="replace")
