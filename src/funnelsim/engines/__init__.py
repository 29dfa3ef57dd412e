"""Layer 4: from a funnel and a pipeline to a forecast."""
