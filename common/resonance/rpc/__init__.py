"""gRPC, once for all services: serving, dialling, errors, validation."""

from resonance.rpc.channel import open_channel
from resonance.rpc.server import RpcServer
from resonance.rpc.status import error_of, http_status_of, rpc_code_of
from resonance.rpc.validation import validate

__all__ = ["RpcServer", "error_of", "http_status_of", "open_channel", "rpc_code_of", "validate"]
