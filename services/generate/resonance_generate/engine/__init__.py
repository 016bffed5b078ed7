"""Inference engine: model thread, queue, running requests, audio streams."""
