"""Delivery bench: loudness, marks, audibility, time to the first byte, waiting."""
