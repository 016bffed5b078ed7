"""Slider refinement by words: Gemini with a key, otherwise grammar."""
