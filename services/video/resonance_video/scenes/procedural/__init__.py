"""Embedded provider: draws worlds and figures with Skia on the CPU, in one child process per scene."""

from resonance_video.scenes.procedural.provider import ProceduralScenes

__all__ = ["ProceduralScenes"]
