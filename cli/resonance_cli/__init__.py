"""The command line: `resonance up | make | taste | refine | concepts | calibrate | models`."""
