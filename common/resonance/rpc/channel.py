"""gRPC channels: options, TLS, retry policy, identity and trace of every call."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import grpc

from resonance.identity import caller_key, current_owner
from resonance.rpc.auth import KEY_HEADER, MUST_CHECK_HEADER, OWNER_HEADER, SERVICE_HEADER
from resonance.rpc.renewed_channel import RenewedChannel
from resonance.rpc.server import MESSAGE_BYTES_MAX
from resonance.rpc.tls import TlsFolder, open_tls
from resonance.settings import Settings
from resonance.telemetry.traces import trace_metadata

# gRPC retries calls that change nothing, and the opening of takes, which a replica knows again by their ids. A take that one replica
# refuses because it is full is asked for at the next one; once its first message has come, `read_resumed` takes over.
_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [
                    {"service": "resonance.v1.IngestService", "method": "GetJob"},
                    {"service": "resonance.v1.IngestService", "method": "ListJobs"},
                    {"service": "resonance.v1.ExtractService", "method": "GetExtractor"},
                    {"service": "resonance.v1.ExtractService", "method": "ListConcepts"},
                    {"service": "resonance.v1.GenerateService", "method": "GetModel"},
                    {"service": "resonance.v1.GenerateService", "method": "ListTakes"},
                    {"service": "resonance.v1.VideoService", "method": "GetVideo"},
                    {"service": "resonance.v1.VideoService", "method": "ListVideos"},
                ],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.2s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            },
            {
                "name": [
                    {"service": "resonance.v1.GenerateService", "method": "Generate"},
                    {"service": "resonance.v1.GenerateService", "method": "StreamTake"},
                ],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.01s",
                    "maxBackoff": "0.02s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
                },
            },
        ],
    }
)


def open_channel(
    address: str,
    *,
    service_key: str = "",
    api_key: str = "",
    must_check: bool = False,
    tls: TlsFolder | None = None,
    tls_server_name: str = "",
) -> grpc.aio.Channel:
    """An asynchronous channel to `host:port` or `dns:///name:port`. The opener closes it.

    With `tls` it shows that folder's certificate, and follows the files when they change; the server's certificate must carry
    `tls_server_name`, by default the name of the address. `https://host:port` is TLS with the public authorities, without a
    certificate of our own.

    Every call carries the caller's own API key (or `api_key`) where there is one, and else `service_key` and the current
    owner. `must_check` makes calls fail at services that require no keys.
    """

    def identity() -> list[tuple[str, str]]:
        checked = [(MUST_CHECK_HEADER, "1")] if must_check else []
        if key := caller_key() or api_key:
            return [*checked, (KEY_HEADER, f"Bearer {key}")]
        if service_key:
            return [*checked, (SERVICE_HEADER, service_key), (OWNER_HEADER, current_owner())]
        return checked

    return cast(grpc.aio.Channel, _IdentifiedChannel(_connect(address, tls, tls_server_name), identity))


def open_service_channel(settings: Settings, service: str) -> grpc.aio.Channel:
    """A channel from one of our services to another, such as `generate`, with the services' own credential."""
    return open_channel(
        settings.service_address(service),
        service_key=settings.service_key,
        tls=open_tls(settings),
        tls_server_name=settings.tls_server_name,
    )


class _IdentifiedChannel:
    """A channel whose calls carry the caller's identity and trace as metadata.

    It is no interceptor, because grpc.aio would replace the calls by slower ones.
    """

    def __init__(self, inner: grpc.aio.Channel | RenewedChannel, identity: Callable[[], list[tuple[str, str]]]) -> None:
        self._inner = inner
        self._identity = identity

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __aenter__(self) -> _IdentifiedChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._inner.close()

    def unary_unary(self, *arguments: Any, **named: Any) -> Any:
        return self._with_identity(self._inner.unary_unary(*arguments, **named))

    def unary_stream(self, *arguments: Any, **named: Any) -> Any:
        return self._with_identity(self._inner.unary_stream(*arguments, **named))

    def stream_unary(self, *arguments: Any, **named: Any) -> Any:
        return self._with_identity(self._inner.stream_unary(*arguments, **named))

    def stream_stream(self, *arguments: Any, **named: Any) -> Any:
        return self._with_identity(self._inner.stream_stream(*arguments, **named))

    def _with_identity(self, call: Any) -> Any:
        def begin(*arguments: Any, metadata: Any = (), **named: Any) -> Any:
            sent = [*(metadata or ()), *self._identity(), *trace_metadata()]
            return call(*arguments, metadata=sent or None, **named)

        return begin


def _connect(address: str, tls: TlsFolder | None, server_name: str) -> grpc.aio.Channel | RenewedChannel:
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
        ("grpc.service_config", _SERVICE_CONFIG),
        ("grpc.keepalive_time_ms", 20_000),
        # A name is looked up again when a connection ends, by default once in 30 s at most: too seldom to find a new replica.
        ("grpc.dns_min_time_between_resolutions_ms", 5_000),
    ]
    if address.startswith("https://"):
        host = address.removeprefix("https://").rstrip("/")
        target = host if host.rpartition(":")[2].isdigit() else f"{host}:443"
        return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options=options)
    if tls is None:
        return grpc.aio.insecure_channel(address, options=options)
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    return RenewedChannel(
        tls, lambda files: grpc.aio.secure_channel(address, files.channel_credentials(), options=options)
    )
