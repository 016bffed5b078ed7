"""Treatment: a concept in words becomes characters, places, hours, weather and palette."""

from resonance_video.treatment.concept import read_concept
from resonance_video.treatment.gemini_writer import GeminiWriter, TreatmentWriter

__all__ = ["GeminiWriter", "TreatmentWriter", "read_concept"]
