"""Problem documents of all errors."""

from __future__ import annotations

import json

import pytest

from resonance import errors
from resonance.errors import FieldViolation, InvalidInput, Overloaded, ResonanceError
from resonance.rpc import to_http_status
from resonance_gateway.http.problems import on_unexpected, to_problem

ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ResonanceError)]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_domain_error_has_a_status_a_title_and_a_type(kind: type[ResonanceError]) -> None:
    answer = to_problem(kind("a sentence"))
    sent = json.loads(answer.body)
    assert answer.status_code == sent["status"] == to_http_status(kind("a sentence"))
    assert answer.media_type == "application/problem+json"
    assert sent["title"]
    assert sent["detail"] == "a sentence"
    assert sent["type"] == "urn:resonance:problem:" + sent["reason"].lower().replace("_", "-")


def test_faults_are_listed_as_they_were_found() -> None:
    fault = FieldViolation(field="prompt", reason="REQUIRED", message="must not be empty")
    sent = json.loads(to_problem(InvalidInput("x", violations=(fault,))).body)
    assert sent["errors"] == [{"field": "prompt", "reason": "REQUIRED", "message": "must not be empty"}]


@pytest.mark.parametrize(("after_s", "header"), [(0.2, "1"), (2.1, "3"), (30, "30")])
def test_the_time_to_come_back_is_whole_seconds_and_never_early(after_s: float, header: str) -> None:
    assert to_problem(Overloaded("full", retry_after_s=after_s)).headers["retry-after"] == header


async def test_internal_errors_are_sent_without_detail() -> None:
    answer = await on_unexpected(None, ValueError("the password is swordfish"))  # type: ignore[arg-type]
    assert answer.status_code == 500
    assert b"swordfish" not in answer.body
