"""One request followed through the processes of gateway and generate: logs, spans, metrics."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.s3 import free_ports

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENT = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "X-Request-Id": "my-trace-42"}


class Collector:
    """A collector of traces by OTLP over HTTP, on loopback."""

    def __init__(self) -> None:
        spans: list[tuple[str, str, bytes, bytes, int]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
                for resource in request.resource_spans:
                    service = next(
                        one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
                    )
                    for scope in resource.scope_spans:
                        spans.extend(
                            (service, span.name, span.trace_id, span.parent_span_id, span.status.code)
                            for span in scope.spans
                        )
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return None

        self.spans = spans
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@asynccontextmanager
async def process(package: str, environment: dict[str, str], log: Path) -> AsyncIterator[None]:
    """A service as a process of its own, ended by SIGTERM."""
    with log.open("wb") as lines:
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", package, env=os.environ | environment, stderr=lines
        )
        try:
            yield
        finally:
            running.terminate()
            await running.wait()


async def test_one_request_is_followed_through_two_processes(tmp_path: Path, tiny_folder: Path) -> None:
    collector, (grpc_port, http_port, metrics_port) = Collector(), free_ports(3)
    address = f"127.0.0.1:{grpc_port}"
    common = {
        "RESONANCE_LOG_FORMAT": "json",
        "RESONANCE_OTLP_ENDPOINT": collector.url,
        "RESONANCE_STORE": f"file:{tmp_path / 'store'}",
        "RESONANCE_MODEL": str(tiny_folder),
        "RESONANCE_MEMORY_CHECK": "off",
    }
    gateway = {
        "RESONANCE_HTTP_ADDR": f"127.0.0.1:{http_port}",
        "RESONANCE_METRICS_ADDR": f"127.0.0.1:{metrics_port}",
        "RESONANCE_DATA_DIR": str(tmp_path / "gateway"),
    } | {f"RESONANCE_{name}_ADDR": address for name in ("INGEST", "EXTRACT", "GENERATE", "VIDEO", "SPEECH")}
    generate = {"RESONANCE_GRPC_ADDR": address, "RESONANCE_DATA_DIR": str(tmp_path / "generate")}
    async with AsyncExitStack() as stack:
        stack.callback(collector.close)
        await stack.enter_async_context(process("resonance_generate", common | generate, tmp_path / "generate.log"))
        await stack.enter_async_context(process("resonance_gateway", common | gateway, tmp_path / "gateway.log"))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://127.0.0.1:{http_port}", timeout=30))
        await until_made(http)
        answer = await http.post(
            "/v1/generations", json={"prompt": "calm piano", "duration_s": 2, "request_id": "t1"}, headers=SENT
        )
        assert (answer.status_code, answer.headers["x-trace-id"]) == (200, TRACE)
        assert answer.headers["x-request-id"] == "t1", "a take's own id"
        metrics = (await httpx.AsyncClient().get(f"http://127.0.0.1:{metrics_port}/metrics")).text
        assert 'resonance_http_seconds_count{method="POST",route="/v1/generations",status="200"}' in metrics
        assert 'resonance_http_first_audio_seconds_count{route="/v1/generations"}' in metrics
    for name, event in (("gateway", "request"), ("generate", "call")):
        lines = [json.loads(line) for line in (tmp_path / f"{name}.log").read_text().splitlines() if line[:1] == "{"]
        mine = [line for line in lines if line.get("trace_id") == TRACE]
        assert {"my-trace-42"} == {line["request_id"] for line in mine}, name
        assert event in {line["event"] for line in mine}, name
    calls = [line for line in lines if line.get("method", "").endswith("/Generate") and line.get("trace_id") == TRACE]
    assert [line["code"] for line in calls] == ["OK"], "a whole take is no cancelled one"
    mine_by_service = {span[0]: span for span in collector.spans if span[2].hex() == TRACE}
    assert set(mine_by_service) == {"resonance-gateway", "resonance-generate"}
    assert mine_by_service["resonance-gateway"][1] == "POST /v1/generations"
    assert mine_by_service["resonance-generate"][1] == "resonance.v1.GenerateService/Generate"
    assert {span[4] for span in mine_by_service.values()} == {0}


async def until_made(http: httpx.AsyncClient) -> None:
    """Waits until the gateway answers and the generate service is there."""
    for _ in range(300):
        try:
            if (await http.get("/readyz")).json()["services"]["generate"] == "ok":
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.2)
    pytest.fail("the processes did not start")
