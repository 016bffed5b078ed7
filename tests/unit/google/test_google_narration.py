"""Narration by Google's voices over a real library of takes: refused as a whole, paid for once, counted for take, owner and day."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.google import KEY, GoogleServer

from resonance.erasure import Erasure
from resonance.errors import Conflict, Overloaded
from resonance.rpc import RpcServer, open_channel
from resonance.rpc.calls import unary_call
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import audio_pb2, generate_pb2, generate_pb2_grpc, owners_pb2, speech_pb2, speech_pb2_grpc
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.versions import TakeVersions
from resonance_ingest.owners import Owners
from resonance_speech.build import open_speech

RATE_HZ, SECONDS = 16_000, 20
SCRIPT = "Rain falls on the empty street. A man in a red coat looks up."


class Takes(generate_pb2_grpc.GenerateServiceServicer):
    """The calls of GenerateService about stored takes, over the real library; nothing is generated."""

    def __init__(self, library: TakeLibrary) -> None:
        self._library, self._versions = library, TakeVersions(library)

    async def GetTake(self, request: Any, context: Any) -> generate_pb2.GetTakeResponse:
        return generate_pb2.GetTakeResponse(take=await self._library.get(request.request_id))

    async def StreamTake(self, request: Any, context: Any) -> AsyncIterator[generate_pb2.StreamTakeResponse]:
        take = await self._library.get(request.request_id)
        pcm = await self._library.pcm(take)
        chunk = audio_pb2.AudioChunk(sample_count=len(pcm) // 2, data=pcm)
        yield generate_pb2.StreamTakeResponse(chunk=chunk)
        end = audio_pb2.StreamEnd(sample_count_total=len(pcm) // 2, sha256=hashlib.sha256(pcm).digest())
        yield generate_pb2.StreamTakeResponse(finished=generate_pb2.GenerationFinished(end=end, take=take))

    async def AddVersion(self, requests: Any, context: Any) -> generate_pb2.AddVersionResponse:
        return generate_pb2.AddVersionResponse(take=await self._versions.add(requests))


async def _nothing_open(owner: str) -> int:
    return 0


class Narrating:
    """A speech service with Google's voices, and the store that it shares with the takes."""

    def __init__(self, stub: speech_pb2_grpc.SpeechServiceStub, store: MemoryStore, settings: Settings) -> None:
        self._stub, self._store, self._settings = stub, store, settings

    async def narrate(self, script: str = SCRIPT, **fields: Any) -> generate_pb2.Take:
        request = speech_pb2.NarrateRequest(
            take_request_id="music",
            sections=[speech_pb2.ScriptSection(text=script)],
            voice_id="google-kore",
            **fields,
        )
        return (await unary_call(self._stub.Narrate(request))).take

    async def usage(self) -> owners_pb2.Usage:
        owners = Owners(self._store, self._settings, Erasure(self._store, _nothing_open))
        return (await owners.GetUsage(owners_pb2.GetUsageRequest(), None)).usage  # type: ignore[arg-type]


@asynccontextmanager
async def narrating(server: GoogleServer, folder: Path, **more: Any) -> AsyncIterator[Narrating]:
    store = MemoryStore()
    library = TakeLibrary(store)
    form = audio_pb2.AudioFormat(sample_rate_hz=RATE_HZ, channel_count=1, encoding=audio_pb2.SAMPLE_ENCODING_PCM_S16LE)
    take = generate_pb2.Take(request_id="music", format=form, duration_s=SECONDS, cost_usd=0.08)
    tone = (np.sin(np.arange(RATE_HZ * SECONDS) * 0.05) * 8000).astype("<i2")
    await library.save(take, [tone.tobytes()])
    rpc = RpcServer("127.0.0.1:0")
    name = "resonance.v1.GenerateService"
    rpc.add(name, lambda inner: generate_pb2_grpc.add_GenerateServiceServicer_to_server(Takes(library), inner))
    address = await rpc.bind()
    known = {"gemini_api_key": KEY, "gemini_url": server.url, "google_prices": "speech=0.02@2026-12-01"}
    settings = Settings(**known | {"data_dir": folder, "google_voices": "Kore", "generate_addr": address} | more)  # type: ignore[arg-type]
    async with open_speech(settings, store) as speech:
        speech.add_to(rpc)
        await rpc.start()
        async with open_channel(address) as channel:
            yield Narrating(speech_pb2_grpc.SpeechServiceStub(channel), store, settings)
        await rpc.stop(0)
    await library.close()


async def test_a_narration_is_paid_for_once_and_stands_in_the_sums_of_take_day_and_owner(
    server: GoogleServer, tmp_path: Path
) -> None:
    cost = 0.02 * len(SCRIPT.replace(". A", ".A")) / 1000
    async with narrating(server, tmp_path) as speech:
        made = await speech.narrate()
        assert made.cost_usd == pytest.approx(cost), "its own cost, without that of the music"
        assert [notice for notice in made.notices if "for about $" in notice]
        again = await speech.narrate()
        assert again.request_id == made.request_id
        assert len(server.asked) == 2, "both sentences, once"
        usage = await speech.usage()
        assert (usage.google_usd.used, usage.google_usd.limit) == (pytest.approx(cost), 2.0)
        assert (usage.google_all_usd.used, usage.google_all_usd.limit) == (pytest.approx(cost), 10.0)
        assert usage.google_usd.reset_time.seconds % 86_400 == 0
        await speech.narrate(request_id="mine")
        with pytest.raises(Conflict):
            await speech.narrate("Something else.", request_id="mine")
        assert len(server.asked) == 4


@pytest.mark.parametrize("ceiling", ["google_usd_request_max", "google_usd_owner_day_max", "google_usd_day_max"])
async def test_a_script_that_would_go_over_a_ceiling_is_refused_as_a_whole_with_the_figures(
    server: GoogleServer, tmp_path: Path, ceiling: str
) -> None:
    # The first sentence alone would fit.
    async with narrating(server, tmp_path, **{ceiling: 0.001}) as speech:
        with pytest.raises(Overloaded, match=r"about \$0\.001.*of the \$0\.00") as refusal:
            await speech.narrate()
        assert refusal.value.reason == "SPENDING_CEILING"
        assert (await speech.usage()).google_usd.used == 0
    assert server.asked == []


async def test_without_a_key_and_a_sum_usage_says_nothing_of_google(tmp_path: Path) -> None:
    store, settings = MemoryStore(), Settings(data_dir=tmp_path)
    usage = await Narrating(None, store, settings).usage()  # type: ignore[arg-type]
    assert not usage.HasField("google_usd")
    assert not usage.HasField("google_all_usd")
