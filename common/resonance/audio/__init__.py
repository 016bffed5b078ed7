"""Sound as a value: waveforms, WAV files, and the decoding of strangers' files."""

from resonance.audio.waveform import Waveform

__all__ = ["Waveform"]
