"""An engine that tests step by hand, on a clock of their own."""

from __future__ import annotations

import asyncio

import torch

from resonance_generate.engine.chunk_stream import ChunkStream
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest, GenerationParams
from resonance_model.decoder.static_batch import StaticBatch
from resonance_model.loaded_model import LoadedModel
from support.tape import Taping

LEAD_S = 3.0
TICK_S = 0.01  # a tick is a step of 20 ms of sound: twice as fast as playing
RATE_HZ = 16_000


class SteppedEngine:
    """An engine without its thread. A tick takes 10 ms of its clock, and its clients read in real time or not at all."""

    def __init__(
        self, model: LoadedModel, *, slots: int = 1, parked_max: int = 4, is_static: bool = False, owner_places: int = 0
    ) -> None:
        self.now_s = 0.0
        static_batch = None
        if is_static:
            static_batch = StaticBatch(model.decoder, Taping(), place_count=slots, position_count=1504)
        self.engine = Engine(
            model,
            slot_count=slots,
            queue_places=8,
            owner_places=owner_places,
            stall_s_max=600,
            lead_s_max=LEAD_S,
            parked_max=parked_max,
            clock=lambda: self.now_s,
            static_batch=static_batch,
        )

    def request(self, name: str, seconds: float | None) -> EngineRequest:
        params = GenerationParams(
            recipe_id=name, prompts=((name, 1.0),), steering=None, guidance_scale=3.0, temperature=1.0, top_k=50
        )
        stream = ChunkStream(asyncio.get_running_loop(), samples_max=round(LEAD_S * RATE_HZ))
        return EngineRequest(
            request_id=name,
            params=params,
            seed=1,
            frame_count=None if seconds is None else round(seconds * 50),
            chunk_frames=25,
            stream=stream,
            lead_s=0.2 if seconds is None else None,
        )

    def submit(self, name: str, seconds: float | None) -> EngineRequest:
        request = self.request(name, seconds)
        self.engine.submit(request)
        return request

    async def run(self, seconds: float, players: dict[str, tuple[EngineRequest, list[bytes]]] | None = None) -> None:
        """Ticks for so many seconds. Players read what a player in real time would have played by now, and 0.5 s more."""
        end_s = self.now_s + seconds
        with torch.inference_mode():
            while self.now_s < end_s:
                self.engine.tick()
                self.now_s += TICK_S
                for request, read in (players or {}).values():
                    while request.stream.waiting and sum(map(len, read)) / 2 / RATE_HZ < self.now_s:
                        read.append((await anext(request.stream)).pcm)
