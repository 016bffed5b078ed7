"""Scenes: the port of providers, and the embedded one."""
