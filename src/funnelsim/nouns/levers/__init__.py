"""Levers: named, printable, composable changes of a funnel, its amounts, and the people who work on it."""
