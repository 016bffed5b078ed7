"""gRPC, once for all services: serving, dialling, errors, validation."""

from typing import Any

import grpc

from resonance.rpc.channel import open_channel
from resonance.rpc.door import Door
from resonance.rpc.server import STREAM_S_MAX, RpcServer
from resonance.rpc.status import error_of, http_status_of, rpc_code_of
from resonance.rpc.validation import validate

# The context of any handler: gRPC parametrises it by messages that no handler of ours needs to name.
ServerContext = grpc.aio.ServicerContext[Any, Any]

__all__ = [
    "STREAM_S_MAX",
    "Door",
    "RpcServer",
    "ServerContext",
    "error_of",
    "http_status_of",
    "open_channel",
    "rpc_code_of",
    "validate",
]
