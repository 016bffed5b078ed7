"""Steering bench: clips by strength, unsteered counterparts, independent scores."""
