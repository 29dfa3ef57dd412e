"""Parts of the benchmark on intervals over refits."""
