"""Embedded recognizer: writes down what our own voice says, survives its child's death, and ends when idle."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from resonance.audio.speech_mix import resample
from resonance.errors import Unavailable
from resonance_speech.recognition.recognizer import RATE_HZ
from resonance_speech.recognition.vocabulary import build_prompt
from resonance_speech.recognition.whisper import Whisper, find_weights
from resonance_speech.voices.embedded import EmbeddedVoice

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def weights() -> Path:
    folder = find_weights()
    assert folder is not None, "the extra `speech` brings them along"
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wish(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spoken wish."""
    voice = EmbeddedVoice()
    samples = await voice.speak("Make it slower, with more bass and no drums.", speed=1.0, seed=0)
    path = tmp_path_factory.mktemp("wishes") / "samples"
    resample(samples, voice.sample_rate_hz, RATE_HZ).astype("<f4").tofile(path)
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whisper(weights: Path) -> AsyncIterator[Whisper]:
    recognizer = Whisper(weights)
    yield recognizer
    await recognizer.close()


async def test_a_spoken_wish_is_written_down_and_silence_is_nothing(
    whisper: Whisper, wish: Path, tmp_path: Path
) -> None:
    heard = await whisper.listen(wish, vocabulary=["dreamier"])
    assert [word in heard.text.lower() for word in ("slower", "more bass", "no drums")] == [True] * 3
    assert 0.5 < heard.confidence <= 1.0
    silence = tmp_path / "silence"
    np.zeros(RATE_HZ, "<f4").tofile(silence)
    assert (await whisper.listen(silence, vocabulary=[])).text == ""


async def test_a_child_that_was_killed_is_started_again(whisper: Whisper, wish: Path) -> None:
    first = await whisper.listen(wish, vocabulary=[])
    whisper._kill()
    with suppress(Unavailable):  # the first one that notices
        await whisper.listen(wish, vocabulary=[])
    assert await whisper.listen(wish, vocabulary=[]) == first
    with pytest.raises(Unavailable, match="say it again"):
        await whisper.listen(wish.with_name("missing"), vocabulary=[])
    assert await whisper.listen(wish, vocabulary=[]) == first


async def test_a_recording_that_is_no_longer_waited_for_does_not_answer_the_next_one(
    whisper: Whisper, wish: Path, tmp_path: Path
) -> None:
    listening = asyncio.create_task(whisper.listen(wish, vocabulary=[]))
    await asyncio.sleep(0.05)
    listening.cancel()
    await asyncio.wait([listening])
    silence = tmp_path / "silence"
    np.zeros(RATE_HZ, "<f4").tofile(silence)
    assert (await whisper.listen(silence, vocabulary=[])).text == ""


async def test_an_idle_child_ends(weights: Path, wish: Path) -> None:
    recognizer = Whisper(weights, idle_s=0.1)
    await recognizer.listen(wish, vocabulary=[])
    process = recognizer._process
    assert process is not None
    async with asyncio.timeout(20):
        await process.wait()
    assert (await recognizer.listen(wish, vocabulary=[])).text
    await recognizer.close()


async def test_other_weights_than_the_expected_ones_are_refused(weights: Path, wish: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(weights, folder)
    with (folder / "model.bin").open("r+b") as file:
        file.write(b"changed")
    with pytest.raises(Unavailable) as refusal:
        await Whisper(folder).listen(wish, vocabulary=[])
    assert refusal.value.reason == "WRONG_WEIGHTS"


async def test_the_prompt_holds_the_callers_own_words() -> None:
    assert build_prompt(["rainy night", " "]).endswith("rainy night.")
    assert build_prompt([]) == build_prompt(["  "])
