"""Arithmetic from activation statistics to directions; no protobuf and no model."""
