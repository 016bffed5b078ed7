"""The command line: `resonance up | make | perform | taste | refine | concepts | calibrate | models | keys | store | bench`."""
