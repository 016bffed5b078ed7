"""Whether a store answers, as its requests tell it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from resonance.errors import NotFound, Unavailable
from resonance.store import StoredObject
from resonance.store.answers import WAITING_S_MAX, Answers
from resonance.store.measured import MeasuredStore
from resonance.store.memory import MemoryStore


class StandingStore(MemoryStore):
    """A store whose requests fail, or wait until it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.is_away = False

    async def get(self, key: str) -> StoredObject:
        await self._pass()
        return await super().get(key)

    async def exists(self, key: str) -> bool:
        await self._pass()
        return await super().exists(key)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        await self._pass()
        async for key in super().keys(prefix):
            yield key

    async def _pass(self) -> None:
        await self.goes_on.wait()
        if self.is_away:
            raise Unavailable("away", reason="STORE_UNAVAILABLE")


class Clock:
    """A clock that the test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_request_without_an_answer_counts_after_five_seconds_in_which_none_was_answered() -> None:
    clock = Clock()
    answers = Answers(clock)
    with answers.waiting():
        clock.now_s = WAITING_S_MAX
        assert not answers.are_missing
        clock.now_s += 0.1
        assert answers.are_missing
        answers.answered()  # another request
        assert not answers.are_missing
        clock.now_s += WAITING_S_MAX + 0.1
        assert answers.are_missing
    assert not answers.are_missing


def test_a_store_that_is_asked_nothing_counts_as_answering() -> None:
    clock = Clock()
    answers = Answers(clock)
    clock.now_s = 3600
    assert not answers.are_missing


async def test_a_store_that_cannot_be_reached_does_not_answer_until_it_is_back() -> None:
    inner = StandingStore()
    store = MeasuredStore(inner)
    inner.is_away = True
    with pytest.raises(Unavailable):
        await store.get("tastes/one")
    assert not await store.is_answering()
    inner.is_away = False
    assert await store.is_answering()


async def test_a_request_that_is_given_up_after_a_second_was_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resonance.store.measured._ANSWERS_S", 0.01)
    monkeypatch.setattr("resonance.store.measured._PROBE_S_MAX", 0.05)
    inner = StandingStore()
    store = MeasuredStore(inner)
    inner.goes_on.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await store.get("tastes/one")
    assert not await store.is_answering()
    inner.goes_on.set()
    assert await store.is_answering()


async def test_a_missing_key_is_an_answer_and_so_is_an_empty_list() -> None:
    inner = StandingStore()
    store = MeasuredStore(inner)
    inner.is_away = True
    with pytest.raises(Unavailable):
        await store.get("tastes/one")
    inner.is_away = False
    with pytest.raises(NotFound):
        await store.get("tastes/one")
    inner.is_away = True  # a probe would fail now
    assert await store.is_answering()
    with pytest.raises(Unavailable):
        [key async for key in store.keys("")]
    assert not await store.is_answering()
    inner.is_away = False
    assert [key async for key in store.keys("")] == []
    inner.is_away = True
    assert await store.is_answering()
