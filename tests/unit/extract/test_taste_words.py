"""Taste descriptions: new songs for the describer, notices for others."""

from __future__ import annotations

import numpy as np
import pytest
from support.extracting import Bench, make_taste, noise

from resonance.errors import Unavailable
from resonance.v1 import steering_pb2
from resonance_extract.tastes.describer import CarefulDescriber, PlaylistSound

WORDS = steering_pb2.DIRECTION_KIND_WORDS


class Listening:
    """A describer that needs samples and records them."""

    wants_sound = True
    is_away = False

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def describe(self, sound: PlaylistSound) -> steering_pb2.TasteCharacter:
        self.sent = [samples.tobytes() for samples in sound.samples]
        if self.is_away or not self.sent:
            raise Unavailable("nobody is there")
        return steering_pb2.TasteCharacter(words=["jazz"], genre="jazz", source="a language model")


async def test_new_songs_are_described_by_their_sound_without_a_notice(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(3.5, 1), 1: noise(3.5, 2)}, describer=CarefulDescriber(Listening()))
    assert (list(taste.character.words), list(taste.notices)) == (["jazz"], [])


async def test_songs_that_were_all_read_before_are_described_by_meters_and_the_taste_says_so(bench: Bench) -> None:
    tracks, describer = {0: noise(3.5, 1), 1: noise(3.5, 2)}, CarefulDescriber(Listening())
    await make_taste(bench, tracks)
    again = await make_taste(bench, tracks, describer=describer)
    assert again.character.source == "meters"
    assert "every song was read before" in again.notices[0]
    words = await make_taste(bench, tracks, describer=describer, direction_kind=WORDS)
    assert (words.character.source, list(words.notices)) == ("a language model", [])


async def test_words_of_the_new_songs_alone_come_with_a_notice(bench: Bench) -> None:
    await make_taste(bench, {0: noise(3.5, 1)})
    taste = await make_taste(bench, {0: noise(3.5, 1), 1: noise(3.5, 2)}, describer=CarefulDescriber(Listening()))
    (notice,) = taste.notices
    assert "1 of the 2 songs" in notice


async def test_a_language_model_that_is_away_gives_a_notice(bench: Bench) -> None:
    away = Listening()
    away.is_away = True
    taste = await make_taste(bench, {0: noise(3.5, 1)}, describer=CarefulDescriber(away))
    assert list(taste.notices) == ["the words are our own meters': the language model could not be asked"]


@pytest.mark.parametrize("kind", [WORDS, steering_pb2.DIRECTION_KIND_CONTRAST])
async def test_a_song_that_could_not_be_used_is_not_described(bench: Bench, kind: int) -> None:
    listening, good = Listening(), noise(3.5, 1)
    tracks = {0: np.zeros(56_000, np.float32), 1: good}
    taste = await make_taste(bench, tracks, describer=CarefulDescriber(listening), fault_count=1, direction_kind=kind)
    assert listening.sent == [good.tobytes()]
    assert not taste.notices
