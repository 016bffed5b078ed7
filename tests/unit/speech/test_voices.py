"""Voices and servers: the embedded voice repeats itself and refuses what it cannot say; servers' answers become samples or errors."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from support.openai_audio import OpenAIAudio, openai_audio

from resonance.errors import InvalidInput, ResonanceError, Unavailable
from resonance_speech.recognition.transcription_server import TranscriptionServer
from resonance_speech.voices.embedded import EmbeddedVoice
from resonance_speech.voices.speech_server import ServerVoice


@pytest.fixture(scope="module")
def embedded() -> EmbeddedVoice:
    return EmbeddedVoice()


async def test_the_same_sentence_has_the_same_samples_and_speed_shortens_it(embedded: EmbeddedVoice) -> None:
    first, second, fast = [await embedded.speak("The night begins.", speed=speed, seed=4) for speed in (1.0, 1.0, 1.6)]
    assert np.array_equal(first, second)
    assert 0.5 < len(first) / embedded.sample_rate_hz < 3.0
    assert len(fast) < 0.85 * len(first)
    assert np.abs(first).max() <= 1.0


def test_titles_and_numbers_end_no_sentence(embedded: EmbeddedVoice) -> None:
    text = "Rain falls. Dr. Smith looks up at 7.30!  It is late?\nGood night."
    assert embedded.split(text) == ["Rain falls.", "Dr. Smith looks up at 7.30!", "It is late?", "Good night."]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Hello мир, friends", "'мир,'"),
        ("<speak>Hello</speak>", "'<speak>' is markup"),
        ("... !!! 🎵", "there is no word in it"),
        ("音楽を作る", "'音楽を作る'"),
    ],
)
def test_what_it_cannot_say_is_named(embedded: EmbeddedVoice, text: str, named: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        embedded.split(text)
    assert refusal.value.reason == "UNSPEAKABLE"
    assert named in refusal.value.message


def wav(rate_hz: int, samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(samples)
    return file.getvalue()


@pytest.fixture
def server() -> Iterator[OpenAIAudio]:
    with openai_audio() as script:
        yield script


@asynccontextmanager
async def voice_at(url: str) -> AsyncIterator[ServerVoice]:
    async with httpx.AsyncClient(base_url=f"{url}/", headers={"Authorization": "Bearer secret"}) as client:
        yield ServerVoice(client, model="tts-1", name="alloy", is_local=True)


async def test_a_servers_wav_becomes_samples(server: OpenAIAudio) -> None:
    pcm = (np.sin(np.arange(2400) / 10) * 20000).astype("<i2")
    server.body = wav(24_000, pcm.tobytes())
    async with voice_at(server.url) as voice:
        assert voice.split("Hello. Good night!\nRain") == ["Hello.", "Good night!", "Rain"]
        samples = await voice.speak("Hello.", speed=1.2, seed=0)
    assert np.allclose(samples, pcm / 32768.0)
    assert (server.paths, server.keys) == (["/v1/audio/speech"], ["Bearer secret"])
    asked = json.loads(server.bodies[0])
    assert (asked["input"], asked["voice"], asked["speed"]) == ("Hello.", "alloy", 1.2)


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (429, b"", Unavailable, "SPEECH_SERVER_BUSY"),
        (500, b"", Unavailable, "SPEECH_SERVER_BUSY"),
        (400, b"", InvalidInput, "UNSPEAKABLE"),
        (200, b"<html>", Unavailable, "SPEECH_SERVER_WRONG"),
        (200, wav(8_000, b"\0\0"), Unavailable, "SPEECH_SERVER_WRONG"),
    ],
)
async def test_a_server_that_fails_is_told_as_such(
    server: OpenAIAudio, status: int, body: bytes, kind: type[ResonanceError], reason: str
) -> None:
    server.status, server.body, server.headers = status, body, {"Retry-After": "7"}
    async with voice_at(server.url) as voice:
        with pytest.raises(kind) as failure:
            await voice.speak("Hello.", speed=1.0, seed=0)
    assert failure.value.reason == reason
    assert failure.value.retry_after_s == (7.0 if reason == "SPEECH_SERVER_BUSY" else None)


async def test_a_server_that_is_away_is_told() -> None:
    with openai_audio() as gone:
        url = gone.url
    async with voice_at(url) as voice:
        with pytest.raises(Unavailable) as failure:
            await voice.speak("Hello.", speed=1.0, seed=0)
    assert failure.value.reason == "SPEECH_SERVER_AWAY"


async def test_a_transcription_server_is_asked_with_the_vocabulary(server: OpenAIAudio, tmp_path: Path) -> None:
    server.body = b'{"text": " More bass. "}'
    recording = tmp_path / "samples"
    np.zeros(1600, "<f4").tofile(recording)
    client = httpx.AsyncClient(base_url=f"{server.url}/")
    recognizer = TranscriptionServer(client, model="whisper-1", is_local=True)
    assert (await recognizer.listen(recording, vocabulary=["rainy night"])).text == "More bass."
    assert b"rainy night" in server.bodies[0]
    assert b"RIFF" in server.bodies[0]
    server.body = b"{}"
    with pytest.raises(Unavailable, match="did not answer as expected"):
        await recognizer.listen(recording, vocabulary=[])
    await recognizer.close()
