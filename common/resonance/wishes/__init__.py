"""The wish grammar: short English wishes as slider changes, without a model or a network."""
