"""Layer 1: arrays in, arrays out; no tables, no files."""
