"""Model: MusicGen decoder, exact streaming codec, steering, activation statistics."""
