"""Narration: sentences placed over a take, and mixed with its music."""
