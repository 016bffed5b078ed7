"""The model: MusicGen checkpoints in one decoder of our own, an exact streaming codec, steering and listening."""
