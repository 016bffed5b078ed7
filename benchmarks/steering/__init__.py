"""The measuring stick of steering: clips at many strengths, each beside its unsteered twin, scored by independent meters."""
