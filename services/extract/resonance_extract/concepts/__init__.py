"""Concepts: directions from prompt and music pairs, and shipped objects."""
