"""Benchmarks of music videos: listening, cuts, sound, speed, signals, colours, flashes and bytes."""
