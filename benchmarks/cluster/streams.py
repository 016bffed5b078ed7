"""Takes while their replica is killed, paused, cut off or rolled: whole, and the same samples."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable

from .control import Cluster
from .listener import Heard, Listener
from .rows import Row, median, told

TAKE_S = 60.0


async def killed(cluster: Cluster, listener: Listener, rounds: int) -> Row:
    """`kill -9` of a replica of generate at a random moment, while takes stream from both."""
    rng = random.Random(22)

    async def fault() -> None:
        await asyncio.sleep(rng.uniform(0.5, 4.0))
        await rng.choice(cluster.ready("generate")).signal("KILL")

    heard = await _rounds(cluster, listener, rounds, fault)
    return await _row(
        f"takes of {TAKE_S:.0f} s cut by `kill -9` of a `generate`, as a REST client sees it", listener, heard
    )


async def rolled(cluster: Cluster, listener: Listener, rounds: int) -> Row:
    """A rolling restart of generate while takes stream."""

    async def fault() -> None:
        await asyncio.sleep(0.5)
        await cluster.roll("generate")

    heard = await _rounds(cluster, listener, rounds, fault)
    return await _row(f"takes of {TAKE_S:.0f} s cut by a rolling restart of `generate`", listener, heard)


async def paused(cluster: Cluster, listener: Listener) -> Row:
    """A replica that stands still for 30 s, as one whose machine swaps."""

    async def fault() -> None:
        await asyncio.sleep(2.0)
        pod = cluster.ready("generate")[0]
        await pod.pause()
        await asyncio.sleep(30.0)
        await pod.unpause()

    heard = await _rounds(cluster, listener, 1, fault)
    return await _row(f"takes of {TAKE_S:.0f} s while one `generate` stands still for 30 s", listener, heard)


async def lost(cluster: Cluster, listener: Listener) -> Row:
    """A host without network for 40 s. The gateways of the other host are asked."""
    lost_host = cluster.hosts[1]

    async def fault() -> None:
        await asyncio.sleep(2.0)
        await cluster.lose(lost_host)
        await asyncio.sleep(40.0)
        await cluster.find(lost_host)

    here = Listener(cluster, listener.key, only=cluster.hosts[0])
    heard = await _rounds(cluster, here, 1, fault)
    return await _row(f"takes of {TAKE_S:.0f} s while one of two hosts has no network for 40 s", listener, heard)


async def _rounds(
    cluster: Cluster, listener: Listener, rounds: int, fault: Callable[[], Awaitable[None]]
) -> list[Heard]:
    """Takes of four listeners a round, with one fault in each."""
    heard: list[Heard] = []
    for number in range(rounds):
        await cluster.when_ready("generate", "gateway")
        takes = [listener.take(f"s-{uuid.uuid4().hex[:12]}", TAKE_S, seed=4 * number + each) for each in range(4)]
        _, *found = await asyncio.gather(fault(), *takes)
        heard += found
    await cluster.when_ready("generate", "gateway")
    return heard


async def _row(what: str, listener: Listener, heard: list[Heard]) -> Row:
    """Whole takes must be, sample for sample, what the store keeps."""
    whole = [each for each in heard if each.is_whole]
    other = [each for each in whole if await listener.kept_digest(each.request_id) != each.samples_digest]
    measured = f"{told(heard)} cut; {len(other)} of {len(whole)} differ from the stored samples; "
    measured += f"first sound {median(each.first_byte_s for each in whole):.1f} s, whole after "
    measured += f"{median(each.total_s for each in whole):.0f} s in the median, {max((e.total_s for e in whole), default=0):.0f} s at most"
    return Row(what=what, wanted="0 cut", measured=measured, is_met=len(whole) == len(heard) and not other)
