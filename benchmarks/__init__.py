"""Benchmarks behind the README's figures: `make bench`."""
