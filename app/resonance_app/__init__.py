"""Composition root of the all-in-one process."""
