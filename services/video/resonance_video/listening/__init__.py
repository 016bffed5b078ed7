"""Listening: beats, bars, sections, cue points and signals of a song."""

from resonance_video.listening.listen import listen

__all__ = ["listen"]
