"""Probes of pods, asked as a kubelet asks them: gRPC health, HTTP, an open port."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TIMEOUT_S = 1.0  # Kubernetes' default


async def answers(address: str, probe: dict[str, Any], ports: dict[str, int]) -> bool:
    """True where the probe succeeds."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            if "grpc" in probe:
                return await _serves(address, int(probe["grpc"]["port"]))
            kind = next(each for each in ("httpGet", "tcpSocket") if each in probe)
            port = probe[kind]["port"]
            number = ports[port] if isinstance(port, str) else int(port)
            if kind == "httpGet":
                async with httpx.AsyncClient() as client:
                    return (await client.get(f"http://{address}:{number}{probe[kind]['path']}")).status_code < 400
            _, writer = await asyncio.open_connection(address, number)
            writer.close()
            return True
    except (OSError, TimeoutError, grpc.aio.AioRpcError, httpx.HTTPError):
        return False


async def _serves(address: str, port: int) -> bool:
    async with grpc.aio.insecure_channel(
        f"{address}:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
    ) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
