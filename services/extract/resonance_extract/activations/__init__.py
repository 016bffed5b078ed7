"""Activation statistics of tracks, pieces and prompts: read by one worker thread, cached and locked per track."""
