"""Targets: which are attainable, how they are shared out and paid, what they ask for, how they are kept."""
