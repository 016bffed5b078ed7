"""Speech recognition: the embedded recognizer, and a server with OpenAI's transcription API."""
