"""Studies over REST: started without waiting, followed, cancelled."""

from __future__ import annotations

import pytest
from tests.contract.rest.conftest import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("path", "headers", "kind"),
    [
        ("/v1/concepts/energy/calibration", {"Prefer": "respond-async"}, "calibration"),
        ("/v1/concepts/energy/layers", {}, "layer_scan"),
        ("/v1/tastes/t-one/calibration", {}, "calibration"),
        ("/v1/tastes/t-one/layers", {}, "layer_scan"),
    ],
)
async def test_a_study_is_started_without_waiting(
    gateway: Gateway, path: str, headers: dict[str, str], kind: str
) -> None:
    answer = await gateway.http.post(path, json={"strengths": [-1, 1]}, headers=headers)
    assert answer.status_code == 202
    assert answer.json()["kind"] == kind
    found = await gateway.http.get(answer.headers["location"])
    assert found.json()["state"] == "running"
    assert (await gateway.http.post(answer.headers["location"] + "/cancel")).json()["state"] == "cancelled"


async def test_a_study_can_be_followed_to_its_end(gateway: Gateway) -> None:
    started = await gateway.http.post("/v1/concepts/energy/layers")
    told = await gateway.http.get(started.headers["location"] + "/events")
    assert told.headers["content-type"].startswith("text/event-stream")
    assert told.text.count("event: study") == 3
    assert '"state":"completed"' in told.text.replace(" ", "")


async def test_an_unknown_study_or_subject_is_404(gateway: Gateway) -> None:
    for path in ("/v1/studies/s-nobody", "/v1/studies/s-nobody/events", "/v1/studies/NOBODY"):
        assert (await gateway.http.get(path)).status_code == 404
    assert (await gateway.http.post("/v1/studies/s-nobody/cancel")).status_code == 404
    assert (await gateway.http.post("/v1/concepts/nobody/layers")).status_code == 404
