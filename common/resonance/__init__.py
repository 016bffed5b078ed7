"""What every Resonance deployable shares: the wire, the store, values and errors. Knows no torch and no HTTP route."""

__version__ = "0.1.0"
