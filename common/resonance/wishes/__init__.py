"""Refinement in words: a sentence and seven sliders in, changed sliders with an explanation out."""
