"""Describing a playlist: what its sound is like, in words that a prompt can hold."""
