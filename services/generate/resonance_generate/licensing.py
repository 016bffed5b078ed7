"""Licence check of the loaded weights: commercial use."""

from __future__ import annotations

import re

from resonance.errors import FailedPrecondition
from resonance.settings import Settings
from resonance.v1 import generate_pb2

# Licences that allow commercial use, by the beginning of their SPDX name. Others are refused, unknown ones too.
_COMMERCIAL = re.compile(
    r"(apache|mit|bsd|isc|cc0|cc-by-\d|cc-by-sa|unlicense|0bsd|mpl|openrail|bigscience-openrail)", re.IGNORECASE
)


def allows_commercial_use(weights_license: str) -> bool:
    """True for a licence that is known to allow it."""
    return _COMMERCIAL.match(weights_license.strip()) is not None


def check_license(info: generate_pb2.ModelInfo, settings: Settings) -> None:
    """Raises FailedPrecondition where the settings ask for commercial use and the weights' licence does not allow it."""
    if settings.require_commercial_license and not allows_commercial_use(info.weights_license):
        raise FailedPrecondition(
            f"the weights of {info.model_id} are under {info.weights_license or 'no known licence'}, which is not known to allow "
            "commercial use, and RESONANCE_REQUIRE_COMMERCIAL_LICENSE asks for one that does",
            reason="LICENSE_FORBIDS",
        )
