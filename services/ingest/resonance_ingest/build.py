"""Composition root of the ingest service.

Its own process and the all-in-one process use it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from resonance.durable import Changes, Engine, Schedule, WorkerPlan, open_engine
from resonance.durable.erasing import cancel_work
from resonance.erasure import Erasure
from resonance.places import prepare_folder
from resonance.rpc import RpcServer, open_service_channel
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.v1 import ingest_pb2, ingest_pb2_grpc, owners_pb2, owners_pb2_grpc, shares_pb2, shares_pb2_grpc
from resonance.workspace import Workspace
from resonance_ingest.jobs.job_store import JobStore
from resonance_ingest.owners import Owners
from resonance_ingest.pipeline.extract_client import ExtractClient
from resonance_ingest.pipeline.making import TasteMaking
from resonance_ingest.pipeline.playlist_jobs import PlaylistJobs
from resonance_ingest.service import IngestService
from resonance_ingest.shares import ShareLinks
from resonance_ingest.sweep import EVERY_S as SWEEP_EVERY_S
from resonance_ingest.sweep import Sweeper
from resonance_ingest.work import SWEEP, TASK_QUEUE


class Ingest:
    """The three servicers, ready to be added to a server, the playlists that they accept, and the engine that works on them."""

    def __init__(
        self, service: IngestService, shares: ShareLinks, owners: Owners, playlists: PlaylistJobs, engine: Engine
    ) -> None:
        self.playlists = playlists
        self.engine = engine
        self._service = service
        self._shares = shares
        self._owners = owners

    def add_to(self, server: RpcServer) -> None:
        """Registers IngestService, ShareService and OwnerService."""
        name = ingest_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name
        server.add(name, lambda inner: ingest_pb2_grpc.add_IngestServiceServicer_to_server(self._service, inner))
        name = shares_pb2.DESCRIPTOR.services_by_name["ShareService"].full_name
        server.add(name, lambda inner: shares_pb2_grpc.add_ShareServiceServicer_to_server(self._shares, inner))
        name = owners_pb2.DESCRIPTOR.services_by_name["OwnerService"].full_name
        server.add(name, lambda inner: owners_pb2_grpc.add_OwnerServiceServicer_to_server(self._owners, inner))


@asynccontextmanager
async def open_ingest(settings: Settings, store: ObjectStore, *, engine: Engine | None = None) -> AsyncIterator[Ingest]:
    """Opens the service. The engine is started by the first playlist, or at once where playlists of an earlier process are open.

    A process of several services passes the `engine` that they share, and closes it before them.
    """
    channel = open_service_channel(settings, "extract")
    data_dir = await asyncio.to_thread(prepare_folder, settings.data_dir, setting="RESONANCE_DATA_DIR")
    workspace = await asyncio.to_thread(Workspace, data_dir / "ingest" / "work")
    try:
        async with open_engine(settings, engine) as opened:
            jobs = JobStore(store, Changes(opened))
            extractor = ExtractClient(channel, stall_s_max=settings.extract_stall_s_max)
            making = TasteMaking(jobs, store, extractor, workspace, settings)
            playlists = PlaylistJobs(jobs, store, extractor, making, opened, settings)
            shares = ShareLinks(store, jobs.now_ms)
            erasure = Erasure(store, lambda owner, work_ids: cancel_work(opened, owner, work_ids))
            sweeper = Sweeper(store, jobs, settings, shares, submit_open=playlists.submit_open, erasure=erasure)
            opened.serve(
                lambda: _plans(making, sweeper, settings),
                playlists.submit_open,
                playlists.has_open,
                schedules=[Schedule(kind=SWEEP, task_queue=TASK_QUEUE, every_s=SWEEP_EVERY_S)],
            )
            tasks = [
                asyncio.create_task(making.folders.tidy(), name="folders of ended jobs"),
                asyncio.create_task(sweeper.run(while_true=lambda: not opened.is_started), name="ingest sweeper"),
            ]
            try:
                service, owners = IngestService(jobs, playlists, store, settings), Owners(store, settings, erasure)
                yield Ingest(service, shares, owners, playlists, opened)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
    finally:
        await channel.close()
        workspace.close()


def _plans(making: TasteMaking, sweeper: Sweeper, settings: Settings) -> Sequence[WorkerPlan]:
    """The workers; their module imports the engine's library, so it is imported here."""
    activities = importlib.import_module("resonance_ingest.activities")
    plans: Sequence[WorkerPlan] = activities.worker_plans(making, sweeper, settings)
    return plans
