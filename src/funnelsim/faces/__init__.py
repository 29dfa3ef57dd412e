"""Layer 6: what people see (plots, command line)."""
