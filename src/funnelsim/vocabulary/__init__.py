"""Layer 0: the words every other part speaks (clock, periods, stages, randomness, pipeline)."""
