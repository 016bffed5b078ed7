"""WAV files, provenance texts, and the confined decoding of audio files."""
