"""Probe of a store's conditional writes: a race of writers.

It runs at start, before any job depends on such writes.
"""

from __future__ import annotations

import asyncio
import secrets

from resonance.errors import Conflict, FailedPrecondition
from resonance.store.keys import probe_key
from resonance.store.protocol import ObjectStore

_RACERS = 8


async def probe(store: ObjectStore, where: str) -> None:
    """Races several writers on one key, twice.

    Some S3 implementations let more than one `If-None-Match: *` succeed. Job leases require exactly one.

    Raises:
        FailedPrecondition: the store lets two writers win, or does not read back what was written.
        Unavailable: the store cannot be reached.
    """
    key = probe_key(secrets.token_hex(8))
    try:
        await _race_to_create(store, key, where)
        await _race_to_replace(store, key, where)
    finally:
        await store.delete(key)


async def _race_to_create(store: ObjectStore, key: str, where: str) -> None:
    outcomes = await asyncio.gather(
        *(store.create(key, b"writer %d" % number) for number in range(_RACERS)), return_exceptions=True
    )
    _check_one_winner(outcomes, where)


async def _race_to_replace(store: ObjectStore, key: str, where: str) -> None:
    version = (await store.get(key)).version
    outcomes = await asyncio.gather(
        *(store.replace(key, b"successor %d" % number, version=version) for number in range(_RACERS)),
        return_exceptions=True,
    )
    _check_one_winner(outcomes, where)
    winner = next(number for number, outcome in enumerate(outcomes) if isinstance(outcome, str))
    if (await store.get(key)).data != b"successor %d" % winner:
        raise _refusal(where, "reads back other bytes than those that were written")


def _check_one_winner(outcomes: list[str | BaseException], where: str) -> None:
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, Conflict):
            raise outcome
    winners = sum(isinstance(outcome, str) for outcome in outcomes)
    if winners != 1:
        raise _refusal(where, f"let {winners} of {_RACERS} conditional writers win where exactly one must")


def _refusal(where: str, fault: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"the object store at {where} cannot be used: it {fault}. Choose a store with conditional writes.",
        reason="STORE_NOT_CONFORMING",
    )
