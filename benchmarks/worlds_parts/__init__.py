"""Parts of the benchmark on synthetic worlds."""
