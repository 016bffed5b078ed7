"""Inference engine: the model's thread, its queue, running requests, and their audio streams."""
