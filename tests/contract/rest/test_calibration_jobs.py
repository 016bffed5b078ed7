"""Calibration jobs over REST: started without waiting, followed, cancelled."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from tests.contract.rest.conftest import Gateway
from tests.contract.rest.script import Script
from tests.contract.rest.scripted import ScriptedExtract, start_services

from resonance.settings import Settings
from resonance_gateway.build import open_gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("path", "headers", "kind"),
    [
        ("/v1/concepts/energy/calibration", {"Prefer": "respond-async"}, "range"),
        ("/v1/concepts/energy/layers", {}, "layers"),
        ("/v1/tastes/t-one/calibration", {}, "range"),
        ("/v1/tastes/t-one/layers", {}, "layers"),
    ],
)
async def test_a_calibration_job_is_started_without_waiting(
    gateway: Gateway, path: str, headers: dict[str, str], kind: str
) -> None:
    answer = await gateway.http.post(path, json={"strengths": [-1, 1]}, headers=headers)
    assert answer.status_code == 202
    assert answer.json()["kind"] == kind
    found = await gateway.http.get(answer.headers["location"])
    assert found.json()["state"] == "running"
    assert (await gateway.http.post(answer.headers["location"] + "/cancel")).json()["state"] == "cancelled"


async def test_a_calibration_job_can_be_followed_to_its_end(gateway: Gateway) -> None:
    started = await gateway.http.post("/v1/concepts/energy/layers")
    answer = await gateway.http.get(started.headers["location"] + "/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("event: calibration_job") == 3
    assert '"state":"completed"' in answer.text.replace(" ", "")


async def test_a_stream_whose_time_is_up_ends_without_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self, request, context):
        await asyncio.sleep(60)
        yield

    monkeypatch.setattr(ScriptedExtract, "WatchCalibrationJob", never)
    services = await start_services(Script())
    settings = Settings(http_addr="127.0.0.1:0", grpc_addr=services.address, request_s_max=1.0)
    async with open_gateway(settings) as url, httpx.AsyncClient(base_url=url, timeout=20) as http:
        place = (await http.post("/v1/concepts/energy/layers")).headers["location"]
        answer = await http.get(place + "/events")
    await services.stop(0)
    assert (answer.status_code, answer.text) == (200, "")


async def test_a_tastes_calibration_can_be_read(gateway: Gateway) -> None:
    found = (await gateway.http.get("/v1/tastes/t-one/calibration")).json()
    assert (found["taste_id"], found["calibration"]["strength_max"]) == ("t-one", 2)
    assert found["calibration"]["reason_max"].startswith("at 3")
    assert (await gateway.http.get("/v1/tastes/t-none/calibration")).status_code == 404


async def test_a_reference_is_described_and_made_anew_of_music(gateway: Gateway) -> None:
    assert (await gateway.http.get("/v1/reference")).json()["source"] == "model_takes"
    body = {"music": [{"taste_id": "t-one"}, {"take_id": "mine"}], "prompts": ["jazz"]}
    answer = await gateway.http.post("/v1/reference", json=body)
    assert (answer.status_code, answer.json()["kind"], answer.json()["progress"]["total"]) == (202, "reference", 4)
    assert answer.headers["location"].startswith("/v1/calibration-jobs/")
    assert (await gateway.http.post("/v1/reference")).status_code == 202, "everything has a default"
    assert (await gateway.http.post("/v1/reference", json={"music": [{}]})).status_code == 422


async def test_an_unknown_calibration_job_or_subject_is_404(gateway: Gateway) -> None:
    for path in (
        "/v1/calibration-jobs/s-unknown",
        "/v1/calibration-jobs/s-unknown/events",
        "/v1/calibration-jobs/NOBODY",
    ):
        assert (await gateway.http.get(path)).status_code == 404
    assert (await gateway.http.post("/v1/calibration-jobs/s-unknown/cancel")).status_code == 404
    assert (await gateway.http.post("/v1/concepts/unknown/layers")).status_code == 404
