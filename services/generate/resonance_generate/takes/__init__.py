"""Stored takes: library, checkpoints, continuation, tempo.

Checkpoints are of takes in the making.
"""
