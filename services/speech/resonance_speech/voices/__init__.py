"""Voices: the embedded one, those of a server with OpenAI's speech API, and Google's."""
