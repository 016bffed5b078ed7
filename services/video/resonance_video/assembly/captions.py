"""Captions and descriptions as WebVTT."""

from __future__ import annotations

from resonance_video.models import ShotPlan, SongMap


def captions_vtt(song_map: SongMap, *, title: str = "") -> str:
    """Captions: the song's sections, and sung or spoken words where they are known."""
    raise NotImplementedError


def descriptions_vtt(plan: ShotPlan) -> str:
    """Descriptions for those who do not see the picture: the summary of each shot."""
    raise NotImplementedError
