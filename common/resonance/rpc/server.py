"""gRPC server: interceptor, TLS, health, reflection, graceful stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from resonance.errors import ResonanceError
from resonance.places import check_address
from resonance.rpc.auth import Authenticator
from resonance.rpc.interceptors import CallInterceptor
from resonance.rpc.quotas import Quotas
from resonance.rpc.tls import TlsFolder

MESSAGE_BYTES_MAX = 20 * 1024 * 1024
STREAM_S_MAX = 6 * 3600.0  # the longest stream is a performance
_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.so_reuseport", 0),  # a second server on the same port is an error
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5000),
    # A client looks names up again only when a connection ends. A bounded age lets it find a new replica within half a minute. It
    # concerns new calls: streams on the old connection go on to their end.
    ("grpc.max_connection_age_ms", 20 * 1000),
    ("grpc.max_connection_age_grace_ms", round(STREAM_S_MAX * 1000)),
]
# The name under which the health service tells whether the store has room for a take.
STORE_HEALTH = "resonance.v1.ObjectStore"
STORE_ANSWERS = "resonance.v1.ObjectStore.Answers"
_WATCH_S = 2.0
_log = structlog.get_logger("rpc")


class RpcServer:
    """One grpc.aio server for one or more services.

    >>> server = RpcServer("127.0.0.1:0")
    >>> server.add("resonance.v1.GenerateService", lambda s: add_GenerateServiceServicer_to_server(servicer, s))
    >>> await server.start()  # server.address now has the real port
    """

    def __init__(
        self,
        address: str,
        authenticator: Authenticator | None = None,
        *,
        tls: TlsFolder | None = None,
        health_address: str = "",
        quotas: Quotas | None = None,
    ) -> None:
        """Without an authenticator every call is the installation's own; without `tls` the port is plain.

        `health_address` is a second, plain port with the health service alone, for probes that show no certificate.
        """
        self.address = address
        self.health_address = health_address
        self._tls = tls
        self._quotas = quotas
        self._health_server = grpc.aio.server(options=_OPTIONS) if health_address else None
        self._server = grpc.aio.server(interceptors=[CallInterceptor(authenticator, quotas)], options=_OPTIONS)
        self._health = HealthServicer()
        self._names: list[str] = []
        self._is_bound = False
        self._watched: dict[str, Callable[[], Awaitable[bool]]] = {}
        self._watching: list[asyncio.Task[None]] = []

    def add(self, full_name: str, register: Callable[[grpc.aio.Server], None]) -> None:
        """Adds a service by its full protobuf name."""
        register(self._server)
        self._names.append(full_name)

    def watch(self, name: str, is_serving: Callable[[], Awaitable[bool]]) -> None:
        """Adds a name to the health service, whose state is asked for every few seconds while the server runs."""
        self._watched[name] = is_serving

    async def bind(self) -> str:
        """Takes the address and returns it with its real port. Raises OSError, naming the setting, where it cannot."""
        self.address = await _bind(self._server, self.address, "RESONANCE_GRPC_ADDR", self._tls)
        if self._health_server is not None:
            self.health_address = await _bind(self._health_server, self.health_address, "RESONANCE_HEALTH_ADDR", None)
        self._is_bound = True
        return self.address

    async def start(self) -> None:
        """Binds where `bind` has not, starts, and reports SERVING. Raises OSError where the address is taken."""
        if not self._is_bound:
            await self.bind()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [*self._names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, self._server)
        await self._server.start()
        if self._health_server is not None:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._health_server)
            await self._health_server.start()
        for name in ("", *self._names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        for name, is_serving in self._watched.items():
            self._watching.append(asyncio.create_task(self._watch(name, is_serving), name=f"health of {name}"))
        _log.info("serving", address=self.address, services=self._names, tls=self._tls is not None)

    async def stop(self, drain_s: float) -> None:
        """Reports NOT_SERVING, refuses new calls, lets running calls end for `drain_s` seconds, then cancels them."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        self._watching = []
        await self._health.enter_graceful_shutdown()
        await self._server.stop(drain_s)
        if self._quotas is not None:
            await self._quotas.close()
        if self._health_server is not None:  # last, so that probes see the drain
            await self._health_server.stop(0)

    async def _watch(self, name: str, is_serving: Callable[[], Awaitable[bool]]) -> None:
        states = health_pb2.HealthCheckResponse
        while True:
            try:
                is_well = await is_serving()
            except ResonanceError:
                is_well = False
            await self._health.set(name, states.SERVING if is_well else states.NOT_SERVING)
            await asyncio.sleep(_WATCH_S)

    async def wait(self) -> None:
        """Returns when the server has stopped."""
        await self._server.wait_for_termination()


async def _bind(server: grpc.aio.Server, address: str, setting: str, tls: TlsFolder | None) -> str:
    host, _, wanted_port = address.rpartition(":")
    await asyncio.to_thread(check_address, address, setting=setting)
    try:
        port = (
            server.add_insecure_port(address)
            if tls is None
            else server.add_secure_port(address, tls.server_credentials())
        )
    except RuntimeError as failure:
        raise OSError(f"cannot listen on {address} ({setting}): {failure}") from failure
    if wanted_port != "0" and port != int(wanted_port):
        raise OSError(f"cannot listen on {address} ({setting}): it is taken")
    return f"{host}:{port}"
