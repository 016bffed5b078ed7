"""Speech service: voices, narration of takes, and transcription."""
