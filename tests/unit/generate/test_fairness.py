"""Fairness: owners get slots in turn, and one owner cannot take every place of the queue."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.stepped_engine import SteppedEngine

from resonance.errors import Overloaded
from resonance_generate.engine.fairness import Turns, usual_owner_places
from resonance_generate.engine.request import EngineRequest
from resonance_model.loaded_model import LoadedModel


def owned(stepped: SteppedEngine, owner: str, number: int, seconds: float = 60.0, **more: object) -> EngineRequest:
    return replace(stepped.request(f"{owner}-{number}", seconds), owner=owner, **more)


def names(requests: list[EngineRequest]) -> list[str]:
    return [one.request_id for one in requests]


async def test_owners_take_turns_and_those_with_fewer_begun_takes_come_first(tiny: LoadedModel) -> None:
    stepped = SteppedEngine(tiny)
    ada = [owned(stepped, "ada", number) for number in range(4)]
    ben, cy = owned(stepped, "ben", 0), owned(stepped, "cy", 0)
    turns = Turns()
    assert names(turns.order([*ada, ben], [])) == ["ada-0", "ben-0", "ada-1", "ada-2", "ada-3"]
    assert names(turns.order([*ada[1:], ben, cy], [ada[0]])) == ["ben-0", "cy-0", "ada-1", "ada-2", "ada-3"]
    late = owned(stepped, "cy", 1, is_background=True)
    assert names(turns.order([late, *ada], []))[-1] == "cy-1"
    assert names(turns.order([replace(one, owner="") for one in (ben, *ada)], [])) == names([ben, *ada])
    turns.take(ada[0])  # it has ended meanwhile, and had its turn
    assert names(turns.order([*ada[1:], ben], []))[0] == "ben-0"


async def test_an_owner_with_one_take_waits_for_one_slot_whatever_another_has_queued(tiny: LoadedModel) -> None:
    stepped = SteppedEngine(tiny, parked_max=0, owner_places=6)
    adas = [owned(stepped, "ada", number, seconds=1.0) for number in range(8)]
    for one in adas[:7]:
        stepped.engine.submit(one)
    with pytest.raises(Overloaded, match="6 of your takes wait already") as refusal:
        stepped.engine.submit(adas[7])
    assert refusal.value.reason == "OWNER_QUEUE_FULL"
    await stepped.run(0.05)
    ben = owned(stepped, "ben", 0, seconds=1.0)
    stepped.engine.submit(ben)
    place = stepped.engine.place_of(ben)
    assert place is not None
    assert place.place == 1
    adas_place = stepped.engine.place_of(adas[1])
    assert adas_place is not None
    assert adas_place.place == 2
    await stepped.run(0.6)  # one take of a second is made in half a second
    assert [one.request.request_id for one in stepped.engine.running] == ["ben-0"]
    assert stepped.engine.waiting_count == 6


@pytest.mark.parametrize(("places", "owner"), [(0, 0), (1, 1), (8, 6), (64, 48)])
def test_one_owner_usually_has_three_quarters_of_the_places(places: int, owner: int) -> None:
    assert usual_owner_places(places) == owner
