"""Treatment: a concept in words becomes characters, places, hours, weather and palette."""

from resonance_video.treatment.concept import read_concept

__all__ = ["read_concept"]
