"""Gemini refiner over its protocol, with fallback to the grammar."""

from __future__ import annotations

import json

import pytest
from support.gemini import KEY, GeminiServer, gemini_server

from resonance.errors import InvalidInput
from resonance.settings import Settings
from resonance.steering.sliders import SLIDER_NAMES
from resonance.store import MemoryStore
from resonance.wishes.phrases import phrase_of
from resonance_extract.gemini import open_gemini
from resonance_extract.refining.refiner import Wish, WishReader

NOW = {"bass_resonance": 0.4, "emotional_tension": 0.2}
BEFORE = {"energy": 0.5}
B, E = "bass_resonance", "energy"


def settings_for(server: GeminiServer, **fields: object) -> Settings:
    return Settings(gemini_api_key=KEY, gemini_url=server.url, gemini_s_max=2.0, **fields)  # type: ignore[arg-type]


async def test_gemini_is_asked_under_a_schema_and_its_positions_are_taken() -> None:
    async with gemini_server() as server:
        server.answers = [
            {"understood": True, "positions": [{"slider": "bass_resonance", "position": 0.9, "words": "like a cellar"}]}
        ]
        gemini = open_gemini(settings_for(server), MemoryStore())
        assert gemini is not None
        found = (await WishReader(gemini).read(Wish(text="make it sound like a cellar", sliders=NOW))).refinement
        await gemini.close()
    assert [(change.slider, change.before, change.after) for change in found.changes] == [(B, 0.4, 0.9)]
    assert found.source == "gemini-2.5-flash"
    assert "like a cellar" in found.explanation
    (asked,) = server.asked
    config = asked["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    schema = config["responseSchema"]
    assert set(schema["required"]) == {"understood", "positions"}
    names = schema["properties"]["positions"]["items"]["properties"]["slider"]["enum"]
    assert names == list(SLIDER_NAMES)
    wish = json.loads(asked["contents"][0]["parts"][0]["text"])
    assert wish["wish"] == "make it sound like a cellar"
    assert wish["sliders"][B] == 0.4


@pytest.mark.parametrize(
    "answer",
    [
        500,
        429,
        None,
        "this is not JSON",
        {"understood": True, "positions": [{"slider": "bass_resonance", "position": 7, "words": ""}]},
        {"understood": True, "positions": [{"slider": "loudness", "position": 0, "words": ""}]},
    ],
    ids=["error", "quota", "silence", "prose", "out of range", "no such slider"],
)
async def test_where_gemini_fails_the_grammar_reads_the_words_and_says_so(answer: object) -> None:
    async with gemini_server() as server:
        server.answers = [answer] * 8  # type: ignore[list-item]
        gemini = open_gemini(settings_for(server), MemoryStore())
        assert gemini is not None
        found = (await WishReader(gemini).read(Wish(text="more bass", sliders=NOW))).refinement
        await gemini.close()
    assert found.source == "grammar"
    assert found.sliders[B] == 0.7
    assert "could not be asked" in found.explanation
    assert server.asked


async def test_a_wrong_key_falls_back_too_and_never_shows_the_key() -> None:
    async with gemini_server() as server:
        settings = Settings(gemini_api_key="wrong", gemini_url=server.url)
        assert "wrong" not in repr(settings)
        gemini = open_gemini(settings, MemoryStore())
        assert gemini is not None
        found = (await WishReader(gemini).read(Wish(text="less bass", sliders=NOW))).refinement
        await gemini.close()
    assert found.source == "grammar"


async def test_gemini_may_say_that_it_did_not_understand() -> None:
    async with gemini_server() as server:
        server.answers = [{"understood": False, "positions": []}]
        gemini = open_gemini(settings_for(server), MemoryStore())
        assert gemini is not None
        with pytest.raises(InvalidInput) as caught:
            await WishReader(gemini).read(Wish(text="what is the capital of France", sliders=NOW))
        await gemini.close()
    assert caught.value.reason == "NOT_UNDERSTOOD"


async def test_a_sound_that_no_slider_names_is_read_as_a_phrase() -> None:
    async with gemini_server() as server:
        server.answers = [{"understood": True, "positions": []}]
        gemini = open_gemini(settings_for(server), MemoryStore())
        assert gemini is not None
        found = await WishReader(gemini).read(Wish(text="a bit dreamier", sliders=NOW, concepts={"phrase-x": 0.2}))
        await gemini.close()
    (move,) = found.phrase_moves
    assert (phrase_of(move.slider), move.how, move.value) == ("dreamier", "shift", 0.15)
    assert found.refinement.concepts == {"phrase-x": 0.2}
    assert not found.refinement.changes


async def test_going_back_sends_no_request() -> None:
    async with gemini_server() as server:
        gemini = open_gemini(settings_for(server), MemoryStore())
        assert gemini is not None
        found = (await WishReader(gemini).read(Wish(text="undo", sliders=NOW, previous=BEFORE))).refinement
        await gemini.close()
    assert found.sliders[E] == 0.5
    assert not server.asked


def test_without_a_key_there_is_no_gemini() -> None:
    assert open_gemini(Settings(), MemoryStore()) is None
