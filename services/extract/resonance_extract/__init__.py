"""Extract service: directions from clips and prompts, and calibration."""
