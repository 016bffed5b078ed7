"""Steering values without torch: directions, sliders, safe ranges, and options of tastes."""
