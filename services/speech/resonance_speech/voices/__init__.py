"""Voices: the embedded one, and those of a server with OpenAI's speech API."""
