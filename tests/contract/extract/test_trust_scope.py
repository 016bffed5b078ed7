"""Trust scopes: owner-vouched statistics are shared with that owner alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from support.extracting import keep_reference, noise
from support.stores import each_store

from resonance.api_keys import ApiKeys
from resonance.ids import sha256_hex
from resonance.rpc import Authenticator, RpcServer, open_channel
from resonance.settings import Settings
from resonance.store.owned import OwnedStore
from resonance.v1 import audio_pb2, extract_pb2, extract_pb2_grpc, ingest_pb2, steering_pb2
from resonance_extract.build import open_extract

store = each_store
Request = extract_pb2.ExtractTasteRequest
SERVICE_KEY = "s" * 32


async def taste_of(channel: Any, taste_id: str, sha256: str, samples: np.ndarray) -> steering_pb2.TasteSummary:  # type: ignore[type-arg]
    """The taste of one track of one clip that is announced under the digest."""
    call = extract_pb2_grpc.ExtractServiceStub(channel).ExtractTaste()
    track = extract_pb2.ExtractionTrack(index=0, sha256=sha256, clip_count=1, title="song", duration_s=4)
    await call.write(Request(start=extract_pb2.ExtractionStart(taste_id=taste_id, tracks=[track])))
    async for response in call:
        if response.WhichOneof("event") == "plan":
            if response.plan.track_indices:
                await call.write(Request(clip=ingest_pb2.ClipOpening(track_index=0, sample_count=len(samples))))
                for start in range(0, len(samples), 16_000):
                    part = samples[start : start + 16_000]
                    await call.write(Request(chunk=audio_pb2.AudioChunk(sample_count=len(part), data=part.tobytes())))
            await call.done_writing()
        elif response.WhichOneof("event") == "taste":
            return response.taste
    raise AssertionError("no taste came")


async def test_noise_under_the_digest_of_a_song_stays_with_its_owner(tiny, store) -> None:
    await keep_reference(store, tiny)
    owned = OwnedStore(store)
    settings = Settings(auth="on", service_key=SERVICE_KEY, adoption="off")
    (ada, _), (mallory, _) = [await ApiKeys(owned).issue(name) for name in ("Ada", "Mallory")]
    song = (0.3 * np.sin(2 * np.pi * 220 * np.arange(4 * 16_000) / 16_000)).astype(np.float32)
    sha256, lie = sha256_hex(song.tobytes()), noise(4.0, 9)
    server = RpcServer("127.0.0.1:0", Authenticator(owned, settings))
    async with open_extract(settings, owned, tiny) as parts:
        parts.add_to(server)
        await server.start()
        async with (
            open_channel(server.address, api_key=ada) as hers,
            open_channel(server.address, api_key=mallory) as theirs,
            open_channel(server.address, service_key=SERVICE_KEY) as ours,
        ):
            lied = await taste_of(theirs, "t-lie", sha256, lie)
            true = await taste_of(hers, "t-ada", sha256, song)
            assert not true.tracks[0].from_cache
            assert true.description != lied.description
            assert (await taste_of(theirs, "t-again", sha256, lie)).tracks[0].from_cache, "theirs it stays"
            shared = await taste_of(ours, "t-ours", sha256, song)
            assert not shared.tracks[0].from_cache
            later = await taste_of(hers, "t-later", sha256, song)
            assert later.tracks[0].from_cache
            assert later.description == shared.description == true.description
            stub = extract_pb2_grpc.ExtractServiceStub(hers)
            kept = await stub.GetTaste(extract_pb2.GetTasteRequest(taste_id="t-ada"))
            assert kept.taste.vector_sha256 == true.vector_sha256
        await server.stop(0)
