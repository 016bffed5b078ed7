"""A model that is being made ready: its progress in the page's foot."""

from __future__ import annotations

import pytest
from tests.page.conftest import Visit

from resonance.v1 import extract_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_models_progress_and_time_left_are_shown_until_it_is_ready(visit: Visit) -> None:
    await visit.open()
    assert await visit.page.is_hidden("#adoption")
    visit.script.adoption = extract_pb2.Adoption(
        state=extract_pb2.ADOPTION_STATE_RUNNING,
        progress=extract_pb2.Progress(done=3, total=22, waiting="listeners"),
        seconds_left=250.0,
    )
    await visit.page.clock.install()
    await visit.page.reload()
    await visit.wait_for_text("#adoption-line", "3 of 22 parts. Minutes left: about 5. It waits while music is played.")
    assert await visit.page.evaluate("document.querySelector('#adoption-bar').position") == pytest.approx(3 / 22)
    visit.script.adoption = extract_pb2.Adoption(state=extract_pb2.ADOPTION_STATE_COMPLETED)
    await visit.page.clock.fast_forward(10_000)
    await visit.page.wait_for_selector("#adoption", state="hidden")
