"""Parts of the Monte Carlo benchmark: the case, the rivals, the limits, the split of the engine's time."""
