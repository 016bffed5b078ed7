"""Figure: one person, drawn from its reference alone, in any pose."""
