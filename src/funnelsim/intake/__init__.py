"""Layer 3: from files and frames to a validated deal history."""
