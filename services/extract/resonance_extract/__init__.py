"""The extract service: directions from the activations of clips and prompts, and their calibration."""
