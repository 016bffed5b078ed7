"""WAV files, provenance texts, confined decoding of audio files."""
