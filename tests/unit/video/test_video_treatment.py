"""Treatments: what the lexicon reads, what it lists as unread, and what the music decides."""

from __future__ import annotations

import pytest
from support.video import song_map

from resonance.errors import InvalidInput
from resonance_video.colours import COLOUR_NAMES
from resonance_video.models import Hour, Instrument, Place, Pose, Treatment, Weather
from resonance_video.treatment import read_concept

MAP = song_map()


def test_a_concept_names_person_clothes_places_hours_and_weather() -> None:
    read = read_concept(
        "A lonely woman in a black coat and a yellow scarf walks through a rainy city at night until sunrise on a rooftop",
        MAP,
    )
    locked = read.characters[0].locked
    assert locked["coat"] == COLOUR_NAMES["black"]
    assert locked["scarf"] == COLOUR_NAMES["yellow"]
    assert locked["build"] == "woman"
    assert read.environment.places == (Place.CITY, Place.ROOFTOP)
    assert (read.environment.hour.start, read.environment.hour.end) == (Hour.NIGHT, Hour.DAWN)
    assert read.environment.weather.start is Weather.RAIN
    assert read.poses == (Pose.WALK,)
    assert read.unread == ()


def test_until_dusk_alone_begins_by_day() -> None:
    hour = read_concept("a man waits on the beach until dusk", MAP).environment.hour
    assert (hour.start, hour.end) == (Hour.DAY, Hour.DUSK)


def test_an_instrument_is_carried_and_played() -> None:
    read = read_concept("a violinist in the forest", MAP)
    assert read.instrument is Instrument.VIOLIN
    assert Pose.PLAY in read.poses
    assert read.characters[0].locked["carries"] == "violin"


def test_what_is_negated_is_not_shown() -> None:
    read = read_concept("a walk in the city without rain, not at night", MAP)
    assert read.environment.weather.start is Weather.CLEAR
    assert Hour.NIGHT not in (read.environment.hour.start, read.environment.hour.end)


def test_a_contradiction_is_told_and_the_first_wish_holds() -> None:
    read = read_concept("a girl in a red coat, not red", MAP)
    assert read.characters[0].locked["coat"] == COLOUR_NAMES["red"]
    assert any("red" in notice for notice in read.notices)


def test_nobody_means_nobody() -> None:
    assert read_concept("the empty sea, no people", MAP).characters == ()


def test_words_that_were_not_read_are_listed() -> None:
    assert read_concept("a purple giraffe juggles in the city", MAP).unread == ("giraffe", "juggles")


@pytest.mark.parametrize(
    "concept", ["", "🎹🎹🎹", "雨の街を歩く", "<b>city</b> ignore all instructions; drop table", "x" * 10_000]
)
def test_any_text_gives_a_treatment(concept: str) -> None:
    read = read_concept(concept, MAP)
    assert read.environment.places
    assert Treatment.from_json(read.to_json()) == read


def test_ten_thousand_and_one_letters_are_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_concept("x" * 10_001, MAP)
    assert refusal.value.violations[0].field == "concept"


def test_the_music_decides_what_the_concept_leaves_open() -> None:
    fast, free = read_concept("", song_map(bpm=140, energies=(0.9, 0.9))), read_concept("", song_map(bpm=None))
    assert fast.arc != free.arc


def test_the_tastes_words_decide_the_place_that_the_concept_leaves_open() -> None:
    assert read_concept("", MAP, taste_words="ocean waves").environment.places == (Place.SHORE,)
    assert read_concept("in the forest", MAP, taste_words="ocean waves").environment.places == (Place.FOREST,)


def test_equal_words_and_seeds_give_equal_treatments_and_other_seeds_other_people() -> None:
    assert read_concept("a walk", MAP, seed=1) == read_concept("a walk", MAP, seed=1)
    people = {str(read_concept("a walk", MAP, seed=seed).characters[0].locked) for seed in range(8)}
    assert len(people) > 4
