"""Narration: sentences placed over a take, which `resonance.audio.speech_mix` mixes with its music."""
