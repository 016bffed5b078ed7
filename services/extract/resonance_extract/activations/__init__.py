"""Activation statistics of tracks, pieces and prompts.

One worker thread reads them. They are cached and locked per track.
"""
