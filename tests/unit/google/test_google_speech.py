"""Google's voices and recognizer behind the speech service, over a loopback server: what is sent, paid, refused and told."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from support.google import KEY, GoogleServer

from resonance.errors import FailedPrecondition, InvalidInput, Overloaded, ResonanceError, Unavailable
from resonance.rpc import RpcServer, open_channel
from resonance.rpc.calls import stream_call, unary_call
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import speech_pb2, speech_pb2_grpc
from resonance_speech.build import open_speech

PRICES = "speech=0.02,hearing_s=0.001@2026-12-01"


@asynccontextmanager
async def speaking(
    server: GoogleServer, folder: Path, **more: object
) -> AsyncIterator[speech_pb2_grpc.SpeechServiceStub]:
    fields = {"gemini_api_key": KEY, "gemini_url": server.url, "google_prices": PRICES, "google_voices": "Kore, Puck"}
    settings = Settings(data_dir=folder / "data", **(fields | {"recognizer": "google"} | more))
    async with open_speech(settings, MemoryStore()) as speech:
        rpc = RpcServer("127.0.0.1:0")
        speech.add_to(rpc)
        await rpc.start()
        async with open_channel(rpc.address) as channel:
            yield speech_pb2_grpc.SpeechServiceStub(channel)
        await rpc.stop(0)


async def speak(stub: speech_pb2_grpc.SpeechServiceStub, **fields: object) -> list[speech_pb2.SpeakResponse]:
    request = speech_pb2.SpeakRequest(**({"text": "Rain falls. Good night.", "voice_id": "google-kore"} | fields))
    return [one async for one in stream_call(stub.Speak(request))]


async def test_a_voice_speaks_by_its_name_and_the_embedded_one_stays_the_default(
    server: GoogleServer, tmp_path: Path
) -> None:
    async with speaking(server, tmp_path) as stub:
        listed = (await unary_call(stub.ListVoices(speech_pb2.ListVoicesRequest()))).voices
        assert [voice.voice_id for voice in listed] == ["heart", "google-kore", "google-puck"]
        assert [voice.is_local for voice in listed] == [True, False, False]
        assert "leaves this installation" in listed[1].description
        assert "$0.02 for a thousand characters (price of 2026-12-01)" in listed[1].description
        came = await speak(stub, seed=5)
    assert [one.sentence.text for one in came if one.HasField("sentence")] == ["Rain falls.", "Good night."]
    assert came[-1].finished.sample_count_total == 24_000
    assert [one["input"] for one in server.asked] == ["Rain falls.", "Good night."]
    assert server.asked[0]["generation_config"]["speech_config"] == [{"voice": "Kore"}]
    assert server.asked[0]["store"] is False


@pytest.mark.parametrize(
    ("faults", "kind", "reason"),
    [
        (["429"], Overloaded, "GOOGLE_BUSY"),
        (["500"], Unavailable, "GOOGLE_AWAY"),
        (["filtered"], InvalidInput, "GOOGLE_FILTERED"),
        (["truncated"], Unavailable, "GOOGLE_WRONG_ANSWER"),
        (["wrong_type"], Unavailable, "GOOGLE_WRONG_ANSWER"),
        (["empty"], Unavailable, "GOOGLE_WRONG_ANSWER"),
    ],
)
async def test_a_failure_is_typed_and_holds_no_key(
    server: GoogleServer, tmp_path: Path, faults: list[str], kind: type[ResonanceError], reason: str
) -> None:
    server.faults += faults
    async with speaking(server, tmp_path) as stub:
        with pytest.raises(kind) as failure:
            await speak(stub)
    assert failure.value.reason == reason
    assert KEY not in str(failure.value)


async def test_another_pace_is_refused_and_nothing_is_sent(server: GoogleServer, tmp_path: Path) -> None:
    async with speaking(server, tmp_path) as stub:
        with pytest.raises(InvalidInput, match="one pace"):
            await speak(stub, speed=1.5)
    assert not server.asked


async def test_without_a_price_nothing_is_spoken_and_a_ceiling_is_told(server: GoogleServer, tmp_path: Path) -> None:
    async with speaking(server, tmp_path, google_prices="image=0.04@2026-12-01") as stub:
        with pytest.raises(FailedPrecondition) as failure:
            await speak(stub)
    assert failure.value.reason == "PRICE_UNKNOWN"
    async with speaking(server, tmp_path, google_usd_day_max=0.0001) as stub:
        with pytest.raises(Overloaded) as refusal:
            await speak(stub)
    assert refusal.value.reason == "SPENDING_CEILING"
    assert not server.asked


def recording() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes((np.sin(np.arange(16_000) * 0.05) * 8000).astype("<i2").tobytes())
    return file.getvalue()


async def transcribe(stub: speech_pb2_grpc.SpeechServiceStub) -> speech_pb2.TranscribeResponse:
    async def requests() -> AsyncIterator[speech_pb2.TranscribeRequest]:
        opening = speech_pb2.TranscriptionOpening(filename="wish.wav", vocabulary=["way more bass"])
        yield speech_pb2.TranscribeRequest(opening=opening)
        yield speech_pb2.TranscribeRequest(data=recording())

    return await unary_call(stub.Transcribe(requests()))


async def test_a_recording_is_written_down_with_our_words_as_its_vocabulary(
    server: GoogleServer, tmp_path: Path
) -> None:
    server.answers.append("more bass")
    async with speaking(server, tmp_path) as stub:
        heard = await transcribe(stub)
        assert (heard.text, heard.recognizer) == ("more bass", "gemini-3.5-transcribe")
        with pytest.raises(InvalidInput, match="nothing that sounds like words"):
            await transcribe(stub)
    config = server.asked[0]["generation_config"]["transcription_config"]
    assert "way more bass" in config["custom_vocabulary"]
    (turn,) = server.asked[0]["input"]
    sent = base64.b64decode(turn["content"][0]["data"])
    with wave.open(io.BytesIO(sent)) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (16_000, 16_000)


@pytest.mark.parametrize("more", [{"google_voices": "Kore"}, {"recognizer": "google"}])
async def test_a_start_without_a_key_names_the_setting(tmp_path: Path, more: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="needs a key in RESONANCE_GEMINI_API_KEY"):
        async with open_speech(Settings(data_dir=tmp_path / "data", **more), MemoryStore()):
            pass
