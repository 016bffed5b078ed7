"""Shared parts of all deployables: rpc, store, audio, values, errors.

The package imports neither torch nor HTTP routes.
"""

__version__ = "0.1.0"
