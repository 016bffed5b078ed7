"""Continuity: colours of a character compared over all shots."""
