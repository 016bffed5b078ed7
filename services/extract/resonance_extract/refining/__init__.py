"""Refinement of sliders by words: by Gemini where a key is set, otherwise by the grammar."""
