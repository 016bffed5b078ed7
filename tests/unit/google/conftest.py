"""Fixtures: the server that stands for Google's, and an installation with Lyria beside a tiny model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.google import GoogleServer, google_server
from support.lyria import Installation, settings_of

from resonance_generate.engine.engine import Engine
from resonance_model.loaded_model import LoadedModel


@pytest.fixture
async def server() -> AsyncIterator[GoogleServer]:
    async with google_server() as server:
        yield server


@pytest.fixture
async def engine(tiny: LoadedModel) -> AsyncIterator[Engine]:
    engine = Engine(tiny, slot_count=2, queue_places=0, stall_s_max=5)
    engine.start()
    yield engine
    await asyncio.to_thread(engine.stop)


@pytest.fixture
async def installation(tiny: LoadedModel, server: GoogleServer, engine: Engine) -> AsyncIterator[Installation]:
    made = Installation(tiny, settings_of(server), engine)
    yield made
    await made.takes.close()
    assert made.door is not None
    await made.door.close()
