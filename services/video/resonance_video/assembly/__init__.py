"""Assembly: scenes become one film with the song's own samples, captions, descriptions and marks."""

from resonance_video.assembly.assemble import AssembledVideo, assemble
from resonance_video.assembly.captions import captions_vtt, descriptions_vtt
from resonance_video.assembly.flashes import FlashReport, measure

__all__ = ["AssembledVideo", "FlashReport", "assemble", "captions_vtt", "descriptions_vtt", "measure"]
