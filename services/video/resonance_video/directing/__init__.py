"""Directing: a song map and a treatment become a shot plan, and plans are checked."""

from resonance_video.directing.edits import change_shot, move_cut
from resonance_video.directing.faults import Fault, find_faults, require_faultless
from resonance_video.directing.planner import direct
from resonance_video.directing.requests import scene_request

__all__ = ["Fault", "change_shot", "direct", "find_faults", "move_cut", "require_faultless", "scene_request"]
