"""Calibration: renderings at several strengths, quality, effect, safe ranges."""
