"""Layer 3: from a deal history to a funnel."""
