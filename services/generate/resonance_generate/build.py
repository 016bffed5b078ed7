"""Composition root of the generate service.

`__main__` and the all-in-one process use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from resonance.google.door import open_google
from resonance.rpc.server import STORE_HEALTH, RpcServer
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.v1 import generate_pb2_grpc, rooms_pb2_grpc
from resonance_generate.backends.dispatch import open_backends
from resonance_generate.conditions.melody import MelodyReader
from resonance_generate.conditions.origin_sound import OriginSoundReader
from resonance_generate.conditions.recipes import RecipeResolver
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.fairness import usual_owner_places
from resonance_generate.generation import Generation
from resonance_generate.licensing import check_license
from resonance_generate.performance import Performance
from resonance_generate.rooms.mixer import Mixer
from resonance_generate.rooms.registry import Rooms
from resonance_generate.rooms.service import RoomService
from resonance_generate.service import GenerateService
from resonance_generate.takes.checkpoint_sweeper import TakeCheckpointSweeper
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.room import StoreRoom
from resonance_generate.takes.versions import TakeVersions
from resonance_generate.timeline import TakeTimelines
from resonance_model.decoder.static_batch import open_static_batch
from resonance_model.loaded_model import LoadedModel
from resonance_model.model_info import to_model_info

FULL_NAME = "resonance.v1.GenerateService"
ROOMS_FULL_NAME = "resonance.v1.RoomService"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateParts:
    """The running parts of the service."""

    service: GenerateService
    rooms: RoomService
    engine: Engine
    room: StoreRoom

    def add_to(self, server: RpcServer) -> None:
        """Adds the service to a server."""
        server.add(
            FULL_NAME, lambda inner: generate_pb2_grpc.add_GenerateServiceServicer_to_server(self.service, inner)
        )
        server.add(ROOMS_FULL_NAME, lambda inner: rooms_pb2_grpc.add_RoomServiceServicer_to_server(self.rooms, inner))
        server.watch(STORE_HEALTH, self.room.has_room)


@asynccontextmanager
async def open_generate(settings: Settings, store: ObjectStore, model: LoadedModel) -> AsyncIterator[GenerateParts]:
    """Opens the service with its engine running; both stop when the context ends."""
    info = to_model_info(model, settings)
    check_license(info, settings)
    # CUDA graphs take seconds to record: on a thread, so that the event loop answers meanwhile.
    static_batch = await asyncio.to_thread(open_static_batch, model.decoder, place_count=settings.slots)
    engine = Engine(
        model,
        slot_count=settings.slots,
        queue_places=settings.queue_places,
        owner_places=settings.queue_places_owner or usual_owner_places(settings.queue_places),
        stall_s_max=settings.stream_stall_s_max,
        lead_s_max=settings.lead_s_max,
        parked_max=settings.parked_max,
        static_batch=static_batch,
    )
    vectors = Vectors(store, model_digest=model.description.digest, item_max=settings.vector_cache_items)
    resolver, melodies, takes = RecipeResolver(model, vectors), MelodyReader(model, settings), TakeLibrary(store)
    room = StoreRoom(store, info)
    sounds = OriginSoundReader(model, settings, store)
    generation = Generation(engine, resolver, melodies, sounds, takes, room, info)
    performance = Performance(engine, resolver, melodies, takes, info)
    timelines = TakeTimelines(model, resolver, vectors, takes, store, engine, info)
    door = open_google(settings, store)
    backends = open_backends(settings, door, generation, performance, vectors, takes, room, info)
    service = GenerateService(backends, generation, takes, timelines, TakeVersions(takes), info)
    rooms = Rooms(engine, Mixer(resolver, vectors), performance, melodies, takes, store, settings, info)
    engine.start()
    sweeping = asyncio.create_task(TakeCheckpointSweeper(store, settings).run())
    looking = asyncio.create_task(rooms.run())
    try:
        yield GenerateParts(service=service, rooms=RoomService(rooms, settings), engine=engine, room=room)
    finally:
        for task in (sweeping, looking):
            task.cancel()
        await asyncio.gather(sweeping, looking, return_exceptions=True)
        await rooms.close()
        await asyncio.to_thread(engine.stop)
        await takes.close()
        if door is not None:
            await door.close()
