"""Stored takes: library, checkpoints, continuation, heard tempo and key.

Checkpoints are of takes in the making.
"""
