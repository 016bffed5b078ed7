"""Stored takes: library, checkpoints of takes in the making, continuation, tempo."""
