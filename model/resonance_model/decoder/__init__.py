"""Decoder: layers, KV cache, token sequences, sampling, and the static batch for CUDA graphs."""
