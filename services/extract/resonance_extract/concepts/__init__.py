"""Concepts: directions from pairs of prompts and music, and the objects that ship with the embedded model."""
