"""The model: MusicGen checkpoints in a decoder of our own, an exact streaming codec, steering, and activation statistics."""
