"""Lanes: what steered a piece of music and when, as an open file and as a request; paths from one mix of tastes to another."""

from resonance.lanes.document import Curve, LanesFile, RecipeFrom, read_lanes, write_lanes
from resonance.lanes.playing import LanesRequest, build_lanes_request
from resonance.lanes.taking import take_lanes

__all__ = [
    "Curve",
    "LanesFile",
    "LanesRequest",
    "RecipeFrom",
    "build_lanes_request",
    "read_lanes",
    "take_lanes",
    "write_lanes",
]
