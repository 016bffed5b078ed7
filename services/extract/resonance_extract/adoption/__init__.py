"""Adoption of a model: reference, sliders, safe ranges, layer scans."""
