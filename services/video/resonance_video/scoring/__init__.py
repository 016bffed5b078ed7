"""Scoring: slider positions over time that fit a picture, from a clip or from a shot plan."""

from resonance_video.scoring.curves import PictureCurves, PictureStep, steps_of_plan
from resonance_video.scoring.watching import ClipWatcher, watch_clip

__all__ = ["ClipWatcher", "PictureCurves", "PictureStep", "steps_of_plan", "watch_clip"]
