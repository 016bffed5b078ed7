"""Torch-free steering values: directions, sliders, safe ranges, taste options."""
