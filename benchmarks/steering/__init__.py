"""Steering bench: clips at many strengths, each beside its unsteered counterpart, scored by independent meters."""
