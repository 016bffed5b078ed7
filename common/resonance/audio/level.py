"""Input levels: target loudness of tracks and silence threshold."""

from __future__ import annotations

# Tracks, melodies and takes that are read again are brought to this loudness before a model hears them. It is near the model's own
# takes, and 20 dB of headroom leave the peaks of most music unclipped.
TARGET_LUFS = -20.0
# A track below this is not raised and counts as silent: the noise of an empty record has -62 dBFS.
SILENCE_LUFS = -55.0
LOUDNESS_LUFS_MIN = -120.0  # reported in place of minus infinity
