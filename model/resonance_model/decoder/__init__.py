"""Decoder: layers, KV cache, token sequences, sampling, static batch.

The static batch is for CUDA graphs.
"""
