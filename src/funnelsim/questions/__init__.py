"""Layer 5: what users ask of forecasts (levers, synthetic worlds)."""
