"""Puts ingest together: for a process of its own, and for the all-in-one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.v1 import handouts_pb2, handouts_pb2_grpc, ingest_pb2, ingest_pb2_grpc
from resonance_ingest.backends import ExtractBackend
from resonance_ingest.handouts import Handouts
from resonance_ingest.job_store import JobStore
from resonance_ingest.runner import Runner
from resonance_ingest.service import IngestService
from resonance_ingest.sweep import Sweeper
from resonance_ingest.workspace import Workspace


class Ingest:
    """The service, ready to be added to a server."""

    def __init__(self, service: IngestService, handouts: Handouts) -> None:
        self._service = service
        self._handouts = handouts

    def add_to(self, server: RpcServer) -> None:
        """Registers IngestService and HandoutService."""
        name = ingest_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name
        server.add(name, lambda inner: ingest_pb2_grpc.add_IngestServiceServicer_to_server(self._service, inner))
        name = handouts_pb2.DESCRIPTOR.services_by_name["HandoutService"].full_name
        server.add(name, lambda inner: handouts_pb2_grpc.add_HandoutServiceServicer_to_server(self._handouts, inner))


@asynccontextmanager
async def open_ingest(settings: Settings, store: ObjectStore) -> AsyncIterator[Ingest]:
    """Starts looking for work at once: jobs that an earlier process left are taken up before anybody calls."""
    channel = open_channel(settings.address_of("extract"), service_key=settings.service_key)
    workspace = await asyncio.to_thread(Workspace, settings.data_dir)
    jobs = JobStore(store)
    runner = Runner(jobs, store, ExtractBackend(channel, stall_s_max=settings.extract_stall_s_max), workspace, settings)
    handouts = Handouts(store, jobs.now_ms)
    tasks = [
        asyncio.create_task(runner.run(), name="ingest runner"),
        asyncio.create_task(Sweeper(store, jobs, settings, handouts).run(), name="ingest sweeper"),
    ]
    try:
        yield Ingest(IngestService(jobs, runner, store, settings), handouts)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await channel.close()
        workspace.close()
