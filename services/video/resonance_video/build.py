"""Composition root of the video service.

Its own process and the all-in-one process use it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from resonance.audio.delivery.credentials import Credentials, open_credentials
from resonance.durable import Changes, Engine, WorkerPlan, open_engine
from resonance.google.door import GoogleDoor, open_google
from resonance.google.vertex import VertexDoor, open_vertex
from resonance.places import prepare_folder
from resonance.rpc import RpcServer, open_service_channel
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.v1 import video_pb2_grpc
from resonance.workspace import Workspace
from resonance_video.assembly import assemble
from resonance_video.composing import Composer
from resonance_video.describing import SpeechDescriber
from resonance_video.documents import VideoStore
from resonance_video.files import VideoFiles
from resonance_video.listening import listen
from resonance_video.making import Assemble, Listen, VideoMaking
from resonance_video.scenes.diffusers_scenes import open_diffusers
from resonance_video.scenes.google_scenes import OmniScenes, StillScenes
from resonance_video.scenes.procedural.provider import ProceduralScenes
from resonance_video.scenes.provider import SceneProvider
from resonance_video.scenes.veo_scenes import VeoScenes
from resonance_video.scoring import ClipWatcher
from resonance_video.service import VideoService
from resonance_video.songs import Songs
from resonance_video.treatment import GeminiWriter

FULL_NAME = "resonance.v1.VideoService"


class Video:
    """The servicer, ready to be added to a server, and the engine that it works on."""

    def __init__(self, service: VideoService, engine: Engine) -> None:
        self.engine = engine
        self._service = service

    def add_to(self, server: RpcServer) -> None:
        """Registers VideoService."""
        server.add(FULL_NAME, lambda inner: video_pb2_grpc.add_VideoServiceServicer_to_server(self._service, inner))


@asynccontextmanager
async def open_video(
    settings: Settings,
    store: ObjectStore,
    providers: Mapping[str, SceneProvider] | None = None,
    *,
    engine: Engine | None = None,
    listen: Listen = listen,
    assemble: Assemble = assemble,
) -> AsyncIterator[Video]:
    """Opens the service. The engine is started by the first video, or at once where videos of an earlier process are open.

    A process of several services passes the `engine` that they share, and closes it before them.

    The first of the providers is the one by default; without any it is the embedded one.
    """
    door = open_google(settings, store)
    vertex = open_vertex(settings, store)
    providers = providers or _providers(settings, door, vertex)
    channels = {name: open_service_channel(settings, name) for name in ("generate", "ingest", "speech")}
    data_dir = await asyncio.to_thread(prepare_folder, settings.data_dir, setting="RESONANCE_DATA_DIR")
    workspace = await asyncio.to_thread(Workspace, data_dir / "video" / "work")
    files, songs = VideoFiles(store), Songs(channels["generate"], channels["ingest"])
    credentials = await asyncio.to_thread(_credentials, settings)
    try:
        async with open_engine(settings, engine) as opened:
            videos = VideoStore(store, Changes(opened))
            making = VideoMaking(
                videos,
                files,
                songs,
                providers,
                workspace,
                composer=Composer(channels["generate"], channels["speech"]),
                describer=SpeechDescriber(channels["speech"]),
                writer=GeminiWriter(door, settings.gemini_model) if door is not None else None,
                codec=settings.video_codec,
                credentials=credentials,
                listen=listen,
                assemble=assemble,
            )
            service = VideoService(
                videos, files, making, songs, providers, ClipWatcher(songs, workspace), opened, settings
            )
            opened.serve(lambda: _plans(making, settings), service.submit_open, videos.has_open)
            yield Video(service, opened)
    finally:
        await asyncio.to_thread(workspace.close)
        for opened_door in (door, vertex):
            if opened_door is not None:
                await opened_door.close()
        await asyncio.gather(*(channel.close() for channel in channels.values()))


def _providers(settings: Settings, door: GoogleDoor | None, vertex: VertexDoor | None) -> dict[str, SceneProvider]:
    """The embedded provider, with a folder of diffusers its pipeline, and with a key or a project those of Google."""
    found: list[SceneProvider] = [ProceduralScenes(settings.video_codec)]
    if door is not None:
        image, clip = settings.gemini_image_model, settings.gemini_video_model
        found += [
            StillScenes(door, model=image, image_model=image, codec=settings.video_codec),
            OmniScenes(door, model=clip, image_model=image, codec=settings.video_codec),
        ]
    if vertex is not None:
        image, model = settings.gemini_image_model, settings.veo_model
        found.append(VeoScenes(vertex, door, model=model, image_model=image, codec=settings.video_codec))
    if settings.diffusers_folder is not None:
        found.append(open_diffusers(settings))
    return {provider.capabilities().name: provider for provider in found}


def _plans(making: VideoMaking, settings: Settings) -> Sequence[WorkerPlan]:
    """The workers; their module imports the engine's library, so it is imported here."""
    activities = importlib.import_module("resonance_video.activities")
    plans: Sequence[WorkerPlan] = activities.worker_plans(making, scenes_running_max=settings.scenes_running_max)
    return plans


def _credentials(settings: Settings) -> Credentials | None:
    return open_credentials(settings) if settings.c2pa else None
