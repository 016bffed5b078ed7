"""Streams that outlive a connection's age limit."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from tests.contract.rest.script import Script
from tests.contract.rest.scripted import ScriptedExtract, start_services

from resonance.client import AsyncClient
from resonance.errors import Unavailable
from resonance.rpc import server
from resonance.settings import Settings
from resonance.v1 import extract_pb2
from resonance_gateway.routes.performances import PerformanceBody, to_opening_request
from resonance_gateway.services.services import Services

pytestmark = pytest.mark.asyncio(loop_scope="session")
AGE, GRACE = "grpc.max_connection_age_ms", "grpc.max_connection_age_grace_ms"


def with_ages(monkeypatch: pytest.MonkeyPatch, age_ms: int, grace_ms: int) -> None:
    """Sets the connection age of servers that are started afterwards."""
    options = dict(server._OPTIONS) | {AGE: age_ms, GRACE: grace_ms}
    monkeypatch.setattr(server, "_OPTIONS", list(options.items()))


async def test_a_performance_outlives_its_connections_age(monkeypatch: pytest.MonkeyPatch) -> None:
    configured = dict(server._OPTIONS)
    with_ages(monkeypatch, configured[AGE] // 3600, configured[GRACE] // 3600)
    server_process = await start_services(Script())
    services = Services(Settings(grpc_addr=server_process.address))
    live = services.perform(to_opening_request(PerformanceBody.model_validate({"prompt": "calm"}), "long"))
    seconds = 0.0
    async with aclosing(live.events()) as events:
        async for event, _ in events:
            seconds += 0.1 if event["type"] == "chunk" else 0.0
            if seconds > 2:
                break
    live.close()
    await services.close()
    await server_process.stop(0)
    assert seconds > 2


async def test_waiting_for_a_taste_survives_broken_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    with_ages(monkeypatch, 400, 100)
    services = await start_services(Script(job_wait_s=0.4))
    states: list[int] = []
    async with AsyncClient(services.address) as client:
        job = await client.taste_from_url("https://youtu.be/x", on_change=lambda job: states.append(job.state))
    await services.stop(0)
    assert job.taste.clip_count == 8
    assert states == sorted(states)


async def test_waiting_for_a_calibration_job_or_a_calibration_survives_a_restart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    breaks = [Unavailable("this service is stopping; another replica will answer")] * 4
    watch, calibrate = ScriptedExtract.WatchCalibrationJob, ScriptedExtract.CalibrateConcept

    def broken(whole):
        async def stream(self, request, context):
            async for response in whole(self, request, context):
                yield response
                if breaks:
                    raise breaks.pop()

        return stream

    monkeypatch.setattr(ScriptedExtract, "WatchCalibrationJob", broken(watch))
    monkeypatch.setattr(ScriptedExtract, "CalibrateConcept", broken(calibrate))
    services = await start_services(Script())
    async with AsyncClient(services.address) as client:
        calibration_job = await client.calibration_job(extract_pb2.StartCalibrationJobRequest(concept="energy"))
        assert (calibration_job.state, breaks) == (extract_pb2.CALIBRATION_JOB_STATE_COMPLETED, [])
        breaks.append(Unavailable("this service is stopping; another replica will answer"))
        assert (await client.calibrate_concept("energy")).calibration.strength_max == 3
    await services.stop(0)


async def test_an_unreachable_service_is_an_error_at_once() -> None:
    async with AsyncClient("127.0.0.1:1") as client, asyncio.timeout(10):
        with pytest.raises(Unavailable):
            await client.wait("t-any")
