"""Backends: what makes takes and live music, the local model and Google's beside it."""
