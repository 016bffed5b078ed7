"""Licences that allow commercial use, and the setting that asks for one."""

from __future__ import annotations

import pytest

from resonance.errors import FailedPrecondition
from resonance.settings import Settings
from resonance.v1 import generate_pb2
from resonance_generate.licensing import allows_commercial_use, check_license


@pytest.mark.parametrize(
    ("name", "allows"),
    [
        ("Apache-2.0", True),
        ("MIT", True),
        ("CC-BY-4.0", True),
        ("CC-BY-NC-4.0", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_only_licences_that_are_known_to_allow_it_do(name: str, allows: bool) -> None:
    assert allows_commercial_use(name) is allows


def test_the_start_ends_in_one_sentence_that_names_the_setting() -> None:
    info = generate_pb2.ModelInfo(model_id="facebook/musicgen-small", weights_license="CC-BY-NC-4.0")
    check_license(info, Settings())
    with pytest.raises(FailedPrecondition, match=r"CC-BY-NC-4\.0.*RESONANCE_REQUIRE_COMMERCIAL_LICENSE"):
        check_license(info, Settings(require_commercial_license=True))
