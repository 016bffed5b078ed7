"""Shared parts of all deployables: rpc, store, audio, values and errors. It imports neither torch nor HTTP routes."""

__version__ = "0.1.0"
