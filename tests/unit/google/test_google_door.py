"""The door to Google's models over its protocol: answers, faults as domain errors, ceilings, and a key that stands nowhere."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from support.google import KEY, LYRICS, GoogleServer, google_server

from resonance.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidInput,
    Overloaded,
    PermissionDenied,
    ResonanceError,
    Unavailable,
)
from resonance.google.door import GoogleDoor, open_google
from resonance.google.prices import Kind, Prices
from resonance.google.spending import Ceilings, Spending, spending_on
from resonance.identity import acting_as
from resonance.settings import Settings
from resonance.store import MemoryStore

PRICES = "image=0.25,video_s=0.1,song=0.5,live_s=0.01@2026-11-30"
IMAGE = {"type": "image", "aspect_ratio": "9:16", "mime_type": "image/png"}


@pytest.fixture
async def server() -> AsyncIterator[GoogleServer]:
    async with google_server() as server:
        yield server


@pytest.fixture
async def door(server: GoogleServer) -> AsyncIterator[GoogleDoor]:
    settings = settings_of(server)
    door = open_google(settings, MemoryStore())
    assert door is not None
    yield door
    await door.close()


def settings_of(server: GoogleServer, **more: object) -> Settings:
    known = {"gemini_api_key": KEY, "gemini_url": server.url, "google_prices": PRICES, "google_usd_request_max": 100.0}
    more = {"google_usd_owner_day_max": 100.0, "google_usd_day_max": 100.0, "google_media_s_max": 10.0} | more
    return Settings(**known | more)  # type: ignore[arg-type]


async def make(
    door: GoogleDoor, form: dict[str, object] = IMAGE, kind: Kind = Kind.IMAGE, request_id: str = "r"
) -> bytes:
    with spending_on(request_id):
        made = await door.make("a-model", "a red disc", response_format=form, kind=kind, quantity=1.0)
    return made.data


async def test_pictures_clips_and_songs_come_whole_with_their_cost(door: GoogleDoor, server: GoogleServer) -> None:
    with spending_on("r"):
        picture = await door.make("gemini-image", "a disc", response_format=IMAGE, kind=Kind.IMAGE, quantity=1)
    assert picture.data.startswith(b"\x89PNG")
    assert (picture.media_type, picture.cost_usd) == ("image/png", 0.25)
    with spending_on("r"):
        song = await door.make("lyria-3.5", "a waltz", response_format={"type": "audio"}, kind=Kind.SONG, quantity=1)
    assert (song.media_type, song.text) == ("audio/mpeg", LYRICS)
    assert [body["model"] for body in server.asked] == ["gemini-image", "lyria-3.5"]
    spent = await door.spending.spent(owner="", request_id="r")
    assert (spent.request_usd, spent.day_usd) == (0.75, 0.75)


@pytest.mark.parametrize(
    ("fault", "kind", "reason", "is_charged"),
    [
        ("429", Overloaded, "GOOGLE_BUSY", False),
        ("500", Unavailable, "GOOGLE_AWAY", True),
        ("401", PermissionDenied, "GOOGLE_KEY_REFUSED", False),
        ("refusal", InvalidInput, "GOOGLE_FILTERED", False),
        ("filtered", InvalidInput, "GOOGLE_FILTERED", False),
        ("wrong_type", Unavailable, "GOOGLE_WRONG_ANSWER", True),
        ("truncated", Unavailable, "GOOGLE_WRONG_ANSWER", True),
        ("empty", Unavailable, "GOOGLE_WRONG_ANSWER", True),
        ("huge", Unavailable, "GOOGLE_AWAY", True),
        ("slow", DeadlineExceeded, "GOOGLE_TIMEOUT", True),
    ],
)
async def test_each_fault_is_a_typed_error_after_one_call_and_names_no_key(
    server: GoogleServer, fault: str, kind: type[ResonanceError], reason: str, is_charged: bool
) -> None:
    door = open_google(settings_of(server, google_media_s_max=3.0 if fault == "slow" else 10.0), MemoryStore())
    assert door is not None
    server.faults = [fault]
    with pytest.raises(kind) as failure:
        await make(door)
    assert failure.value.reason == reason
    assert server.calls["interactions"] == 1, "the library must not try again by itself"
    shown = f"{failure.value!r} {failure.value.message} {failure.value.__cause__!r}"
    assert KEY not in shown
    if fault == "429":
        assert failure.value.retry_after_s == 7.0
    assert ((await door.spending.spent(owner="")).day_usd > 0) == is_charged
    assert (await make(door)).startswith(b"\x89PNG")
    await door.close()


async def test_the_key_stands_in_no_document_log_or_output(
    server: GoogleServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    store, told = MemoryStore(), list[str]()
    door = open_google(settings_of(server, google_media_s_max=60.0), store)
    assert door is not None
    with caplog.at_level(logging.DEBUG):
        for fault in ("", "429", "500", "401", "refusal", "filtered", "wrong_type"):
            server.faults = [fault]
            try:
                await make(door)
            except ResonanceError as failure:
                told.append("".join(traceback.format_exception(failure)))
    await door.close()
    documents = [(await store.get(key)).data.decode() async for key in store.keys("")]
    assert documents
    assert len(told) == 6
    for text in (*documents, *told, caplog.text, "".join(capfd.readouterr())):
        assert KEY not in text


class Answer(BaseModel):
    colour: str


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("429", Overloaded), ("500", Unavailable), ("filtered", InvalidInput), ("refusal", InvalidInput)],
)
async def test_the_other_family_of_errors_gives_the_same_kinds(
    door: GoogleDoor, server: GoogleServer, fault: str, kind: type[ResonanceError]
) -> None:
    server.faults = [fault]
    with pytest.raises(kind):
        await door.ask("gemini-flash", ["which colour?"], instruction="answer", schema=Answer)
    assert server.calls["generateContent"] == 1
    server.answers = ['{"colour": "red"}', '{"colour": 3}']
    answer = await door.ask("gemini-flash", ["which colour?"], instruction="answer", schema=Answer)
    assert answer.colour == "red"
    with pytest.raises(Unavailable, match="schema"):
        await door.ask("gemini-flash", ["which colour?"], instruction="answer", schema=Answer)


async def test_a_storm_of_429_has_no_more_calls_in_flight_than_the_setting_allows(server: GoogleServer) -> None:
    door = open_google(settings_of(server, google_calls_running_max=1), MemoryStore())
    assert door is not None
    server.faults = ["429"] * 12
    results = await asyncio.gather(*(make(door) for _ in range(12)), return_exceptions=True)
    assert all(isinstance(result, Overloaded) for result in results)
    assert server.running_max == 1
    assert (await door.spending.spent(owner="")).day_usd == 0
    await door.close()


async def test_ceilings_refuse_with_the_figures_before_the_call_and_hold_in_a_race(server: GoogleServer) -> None:
    door = open_google(settings_of(server, google_usd_owner_day_max=1.0), MemoryStore())
    assert door is not None
    results = await asyncio.gather(*(make(door, request_id=f"r{n}") for n in range(9)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, Overloaded)]
    assert len(refused) == 5
    assert server.calls["interactions"] == 4
    assert refused[0].reason == "SPENDING_CEILING"
    assert "$0.250" in refused[0].message
    assert "$1.00" in refused[0].message
    with acting_as("another"):
        assert await make(door)
    await door.close()


async def test_without_a_price_nothing_is_sent(server: GoogleServer) -> None:
    door = open_google(settings_of(server, google_prices=""), MemoryStore())
    assert door is not None
    with pytest.raises(FailedPrecondition) as refusal:
        await make(door)
    assert refusal.value.reason == "PRICE_UNKNOWN"
    assert server.asked == []
    await door.close()


async def test_live_music_plays_and_a_cut_socket_is_a_domain_error(door: GoogleDoor, server: GoogleServer) -> None:
    from google.genai import types

    from resonance.google.failures import to_domain_error

    server.cut_after = [3]
    chunks = 0
    async with door.live_music("models/lyria-realtime-exp") as session:
        await session.set_weighted_prompts([types.WeightedPrompt(text="jazz", weight=1.0)])
        await session.play()
        try:
            async for message in session.receive():
                chunks += len(message.server_content.audio_chunks) if message.server_content else 0
        except Exception as failure:
            error = to_domain_error(failure, "lyria")
    assert chunks == 3
    assert isinstance(error, Unavailable)
    server.refused_sockets = 1
    with pytest.raises((Unavailable, PermissionDenied)):
        async with door.live_music("models/lyria-realtime-exp"):
            raise AssertionError("a refused socket cannot be used")


def test_keys_come_from_one_place(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    assert open_google(Settings(), MemoryStore()) is None
    with pytest.raises(InvalidInput):
        open_google(Settings(gemini_api_key="x", gemini_api_key_file=tmp_path / "key"), MemoryStore())
    with pytest.raises(InvalidInput):
        open_google(Settings(gemini_api_key_file=tmp_path / "missing"), MemoryStore())
    assert KEY not in repr(Settings(gemini_api_key=KEY))


@pytest.mark.parametrize("text", ["image=0.04", "image=x@2026-11-30", "picture=1@2026-11-30", "image=1@tomorrow"])
def test_malformed_prices_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Prices.parse(text)


async def test_sums_begin_anew_each_day_and_what_is_given_back_may_be_spent() -> None:
    now = [1_796_000_000.0]
    ceilings = Ceilings(request_usd=1, owner_day_usd=1, day_usd=1)
    spending = Spending(MemoryStore(), Prices.parse("image=0.6@2026-11-30"), ceilings, clock=lambda: now[0])
    cost = await spending.reserve(Kind.IMAGE, 1, owner="a", request_id="r")
    with pytest.raises(Overloaded) as refusal:
        await spending.reserve(Kind.IMAGE, 1, owner="b", request_id="s")
    assert 0 < (refusal.value.retry_after_s or 0) <= 86_400
    await spending.give_back(cost, owner="a", request_id="r")
    await spending.reserve(Kind.IMAGE, 1, owner="b", request_id="s")
    now[0] += 86_400
    await spending.reserve(Kind.IMAGE, 1, owner="b", request_id="s")
