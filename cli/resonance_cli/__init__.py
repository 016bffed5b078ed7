"""The command line `resonance`."""
