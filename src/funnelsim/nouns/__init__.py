"""Layer 2: the things users hold (history, funnel, forecast, lever)."""
