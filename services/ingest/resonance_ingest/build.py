"""Composition root of the ingest service.

Its own process and the all-in-one process use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from resonance.places import prepare_folder
from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.v1 import ingest_pb2, ingest_pb2_grpc, shares_pb2, shares_pb2_grpc
from resonance.workspace import Workspace
from resonance_ingest.jobs.job_store import JobStore
from resonance_ingest.pipeline.extract_client import ExtractClient
from resonance_ingest.pipeline.runner import Runner
from resonance_ingest.service import IngestService
from resonance_ingest.shares import ShareLinks
from resonance_ingest.sweep import Sweeper


class Ingest:
    """The two servicers, ready to be added to a server."""

    def __init__(self, service: IngestService, shares: ShareLinks) -> None:
        self._service = service
        self._shares = shares

    def add_to(self, server: RpcServer) -> None:
        """Registers IngestService and ShareService."""
        name = ingest_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name
        server.add(name, lambda inner: ingest_pb2_grpc.add_IngestServiceServicer_to_server(self._service, inner))
        name = shares_pb2.DESCRIPTOR.services_by_name["ShareService"].full_name
        server.add(name, lambda inner: shares_pb2_grpc.add_ShareServiceServicer_to_server(self._shares, inner))


@asynccontextmanager
async def open_ingest(settings: Settings, store: ObjectStore) -> AsyncIterator[Ingest]:
    """Starts the runner and the sweeper. The runner takes up the jobs of an earlier process without waiting for a call."""
    channel = open_channel(settings.service_address("extract"), service_key=settings.service_key)
    data_dir = await asyncio.to_thread(prepare_folder, settings.data_dir, setting="RESONANCE_DATA_DIR")
    workspace = await asyncio.to_thread(Workspace, data_dir / "ingest" / "work")
    jobs = JobStore(store)
    runner = Runner(jobs, store, ExtractClient(channel, stall_s_max=settings.extract_stall_s_max), workspace, settings)
    shares = ShareLinks(store, jobs.now_ms)
    tasks = [
        asyncio.create_task(runner.run(), name="ingest runner"),
        asyncio.create_task(Sweeper(store, jobs, settings, shares).run(), name="ingest sweeper"),
    ]
    try:
        yield Ingest(IngestService(jobs, runner, store, settings), shares)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await channel.close()
        workspace.close()
