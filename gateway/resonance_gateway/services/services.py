"""Channels and clients of all services, and their health."""

from __future__ import annotations

import asyncio
from typing import Literal

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from resonance.audio.delivery.delivery import Delivery
from resonance.rpc import STREAM_S_MAX, open_channel
from resonance.rpc.server import STORE_ANSWERS, STORE_HEALTH
from resonance.rpc.tls import TlsFolder
from resonance.settings import Settings
from resonance.v1 import (
    extract_pb2_grpc,
    generate_pb2,
    generate_pb2_grpc,
    ingest_pb2_grpc,
    owners_pb2_grpc,
    rooms_pb2,
    rooms_pb2_grpc,
    shares_pb2_grpc,
    speech_pb2_grpc,
    video_pb2_grpc,
)
from resonance_gateway.services.live_performance import LiveCall, LivePerformance
from resonance_gateway.services.service_client import ServiceClient

HEALTH_S_MAX = 2.0
StoreState = Literal["ok", "full", "away"]
_FULL_NAMES = {
    "ingest": "resonance.v1.IngestService",
    "extract": "resonance.v1.ExtractService",
    "generate": "resonance.v1.GenerateService",
    "speech": "resonance.v1.SpeechService",
    "video": "resonance.v1.VideoService",
}


class Services:
    """The services behind the gateway. Services at one address share a channel."""

    def __init__(self, settings: Settings, tls: TlsFolder | None = None) -> None:
        """`tls` has the certificates of all channels, where the services ask for them."""
        name = settings.tls_server_name
        self._channels = {
            address: open_channel(address, must_check=settings.asks_for_keys, tls=tls, tls_server_name=name)
            for address in map(settings.service_address, _FULL_NAMES)
        }
        self._by_service = {name: self._channels[settings.service_address(name)] for name in _FULL_NAMES}
        # Seconds without a new sample after which a take that was cut is given up.
        self.take_resume_s_max = settings.take_resume_s_max
        self.ingest = self._client("ingest", ingest_pb2_grpc.IngestServiceStub, settings)
        self.shares = self._client("ingest", shares_pb2_grpc.ShareServiceStub, settings)
        self.owners = self._client("ingest", owners_pb2_grpc.OwnerServiceStub, settings)
        self.extract = self._client("extract", extract_pb2_grpc.ExtractServiceStub, settings)
        self.video = self._client("video", video_pb2_grpc.VideoServiceStub, settings)
        self.generate = self._client("generate", generate_pb2_grpc.GenerateServiceStub, settings)
        self.rooms = self._client("generate", rooms_pb2_grpc.RoomServiceStub, settings)
        self.speech = self._client("speech", speech_pb2_grpc.SpeechServiceStub, settings)

    async def close(self) -> None:
        """Closes the channels."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    async def health(self, within_s: float = HEALTH_S_MAX) -> dict[str, str]:
        """Each service's state: `ok`, `not_serving`, or `unreachable` where it does not answer within the time."""
        states = await asyncio.gather(*(self._check_health(name, within_s) for name in _FULL_NAMES))
        return dict(zip(_FULL_NAMES, states, strict=True))

    async def store_state(self, within_s: float = HEALTH_S_MAX) -> StoreState:
        """The store as the services find it.

        `away` where one of them says within the time that its requests are not answered, else `full` where `generate` says that there is no
        room for a take.
        """
        is_full, *are_away = await asyncio.gather(
            self._denies("generate", STORE_HEALTH, within_s),
            *(self._denies(name, STORE_ANSWERS, within_s) for name in _FULL_NAMES),
        )
        return "away" if any(are_away) else "full" if is_full else "ok"

    def perform(self, opening: generate_pb2.PerformRequest, delivery: Delivery | None = None) -> LivePerformance:
        """A live performance. The caller closes it, and opens another one to play for longer than STREAM_S_MAX."""
        return LivePerformance(self.generate.stub.Perform(timeout=STREAM_S_MAX), opening, delivery)

    def join(self, joining: rooms_pb2.RoomJoining) -> LiveCall:
        """A place in a room. The caller closes it."""
        first = rooms_pb2.JoinPerformanceRequest(joining=joining)
        return LiveCall(self.rooms.stub.JoinPerformance(timeout=STREAM_S_MAX), first)

    def _client(self, name: str, stub: type, settings: Settings) -> ServiceClient:
        return ServiceClient(name=name, stub=stub(self._by_service[name]), stream_s_max=settings.request_s_max)

    async def _denies(self, name: str, subject: str, within_s: float) -> bool:
        request = health_pb2.HealthCheckRequest(service=subject)
        try:
            response = await health_pb2_grpc.HealthStub(self._by_service[name]).Check(request, timeout=within_s)
        except grpc.aio.AioRpcError:
            return False  # a service that cannot be reached is told as such
        return bool(response.status == health_pb2.HealthCheckResponse.NOT_SERVING)

    async def _check_health(self, name: str, within_s: float) -> str:
        stub = health_pb2_grpc.HealthStub(self._by_service[name])
        request = health_pb2.HealthCheckRequest(service=_FULL_NAMES[name])
        try:
            response = await stub.Check(request, timeout=within_s)
        except grpc.aio.AioRpcError:
            return "unreachable"
        return "ok" if response.status == health_pb2.HealthCheckResponse.SERVING else "not_serving"
