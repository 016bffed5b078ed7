"""Steering tensors, adaptive steering, and activation statistics."""
