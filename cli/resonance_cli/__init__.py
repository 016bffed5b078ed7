"""The command line: `resonance up | make | taste | concepts | models`."""
