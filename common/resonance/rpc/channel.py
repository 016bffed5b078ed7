"""Dialling a service: one place for channel options and retry policy."""

from __future__ import annotations

import json

import grpc

from resonance.rpc.server import MESSAGE_BYTES_MAX

# Only calls that change nothing, or that carry an id of the caller's making, are tried again by themselves.
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
                ],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.2s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }
)


def open_channel(address: str) -> grpc.aio.Channel:
    """An asynchronous channel to `host:port` or `dns:///name:port`. Whoever opens it closes it."""
    return grpc.aio.insecure_channel(
        address,
        options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
            ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
            ("grpc.service_config", _SERVICE_CONFIG),
            ("grpc.keepalive_time_ms", 20_000),
        ],
    )
