"""Who gets what: the share of an added replica, refusals beside an idle one, turns between owners."""

from __future__ import annotations

import asyncio
import re
import time
import uuid

import httpx

from .control import Cluster
from .listener import Heard, Listener
from .pods import Pod
from .rows import Row, median, told

_SHARE_TAKES = 45


async def added(cluster: Cluster, listener: Listener) -> Row:
    """A third replica of generate: when its first take comes, and its share of those after that."""
    await cluster.scale("generate", 2)
    await cluster.when_ready("generate")
    heard: list[Heard] = []
    asking = asyncio.create_task(_takes_one_after_another(listener, heard, seconds=90.0))
    new = await cluster.add("generate")
    await cluster.until(lambda: new.is_ready, "the third generate is ready")
    ready_at = time.monotonic()
    while not await _takes_of(new) and time.monotonic() - ready_at < 60:
        await asyncio.sleep(0.5)
    found_s = time.monotonic() - ready_at
    await asyncio.sleep(15.0)  # the other gateway's connections have their age too
    before = {pod: await _takes_of(pod) for pod in cluster.ready("generate")}
    asked = len(heard)
    await cluster.until(lambda: len(heard) >= asked + _SHARE_TAKES or asking.done(), "takes for the share", 120)
    gained = {pod: await _takes_of(pod) - before[pod] for pod in before}
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await cluster.scale("generate", 2)
    share = 100 * gained[new] / max(sum(gained.values()), 1)
    failed = told(each for each in heard)
    return Row(
        what="a third `generate` has its share",
        wanted="<= 30 s, 33 ± 10 %, nothing fails",
        measured=f"first take {found_s:.0f} s after it was ready; then {share:.0f} % of {sum(gained.values())} takes "
        f"({':'.join(str(count) for count in gained.values())}); {failed} failed",
        is_met=found_s <= 30 and 23 <= share <= 43 and all(each.is_whole for each in heard),
    )


async def refused(cluster: Cluster, listener: Listener, count: int) -> Row:
    """One slot and no queue on each of two replicas: a long take holds one, short ones must all find the other."""
    await _with_settings(cluster, RESONANCE_SLOTS="1", RESONANCE_QUEUE_PLACES="0", RESONANCE_PARKED_MAX="0")
    heard: list[Heard] = []
    long_one: asyncio.Task[Heard] | None = None
    while len(heard) < count:
        if long_one is None or long_one.done():
            long_one = asyncio.create_task(listener.take(f"l-{uuid.uuid4().hex[:12]}", 60.0))
            await asyncio.sleep(2.0)
        heard.append(await listener.take(f"i-{uuid.uuid4().hex[:12]}", 1.0))
    assert long_one is not None
    await long_one
    await _with_settings(cluster)
    full = sum(each.status == 429 for each in heard)
    return Row(
        what="takes answered 429 while another replica is idle (one slot each, no queue, one long take)",
        wanted="0 of 100",
        measured=f"{full} of {len(heard)}",
        is_met=full == 0,
    )


async def fair(cluster: Cluster, greedy: Listener, other: Listener, count: int) -> Row:
    """One owner asks for many takes at once, the other for one a moment later."""
    lengths = [greedy.take(f"g-{uuid.uuid4().hex[:12]}", 10.0) for _ in range(count)]
    asked = [asyncio.create_task(each) for each in lengths]
    await asyncio.sleep(1.5)
    mine = await other.take(f"o-{uuid.uuid4().hex[:12]}", 10.0)
    before = [each for each in asked if each.done()]
    heard = await asyncio.gather(*asked)
    alone = await other.take(f"o-{uuid.uuid4().hex[:12]}", 10.0)
    served = [each for each in heard if each.status == 200]
    refusals = sum(each.status == 429 for each in heard)
    return Row(
        what=f"one owner asks for {count} takes of 10 s at once, another for one after 1.5 s",
        wanted="the other waits for at most one take",
        measured=f"the other: {mine.status}, first sound after {mine.first_byte_s:.1f} s, {alone.first_byte_s:.1f} s alone; "
        f"{sum(each.result().is_whole for each in before)} of the first owner's were done by then. Of those {len(served)} "
        f"were made, {refusals} refused with 429; one took {median(e.total_s for e in served):.0f} s in the median",
        is_met=mine.is_whole and mine.first_byte_s <= median(each.total_s for each in served),
    )


async def _with_settings(cluster: Cluster, **chosen: str) -> None:
    """Two replicas of generate with these settings in place of the object's."""
    cluster.workloads["generate"].changed = chosen
    await cluster.roll("generate")
    await cluster.scale("generate", 2)
    await cluster.when_ready("generate")


async def _takes_one_after_another(listener: Listener, heard: list[Heard], *, seconds: float) -> None:
    until = time.monotonic() + seconds * 3
    while time.monotonic() < until:
        heard.append(await listener.take(f"b-{uuid.uuid4().hex[:12]}", 1.0))


async def _takes_of(pod: Pod) -> int:
    """Takes that a replica has ended since its start, by its metrics page."""
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"http://{pod.address}:9090/metrics")).text
    found = re.findall(r'resonance_rpc_seconds_count\{code="\w+",method="[^"]*Generate/?[^"]*"\} (\S+)', page)
    return int(sum(map(float, found)))
