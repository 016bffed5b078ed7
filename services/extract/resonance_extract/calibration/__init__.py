"""Calibration: renderings at several strengths, their quality and effect, and the safe ranges that follow."""
