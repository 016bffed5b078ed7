"""gRPC for all services: servers, channels, authentication, errors and validation."""

from typing import Any

import grpc

from resonance.rpc.auth import Authenticator
from resonance.rpc.channel import open_channel, open_service_channel
from resonance.rpc.server import STREAM_S_MAX, RpcServer
from resonance.rpc.service_server import build_server
from resonance.rpc.status import to_domain_error, to_http_status, to_rpc_code
from resonance.rpc.validation import validate

# The context of a handler. gRPC parametrises it by message types that our handlers need not name.
ServerContext = grpc.aio.ServicerContext[Any, Any]

__all__ = [
    "STREAM_S_MAX",
    "Authenticator",
    "RpcServer",
    "ServerContext",
    "build_server",
    "open_channel",
    "open_service_channel",
    "to_domain_error",
    "to_http_status",
    "to_rpc_code",
    "validate",
]
