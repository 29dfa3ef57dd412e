"""Discrete events: deals that wait for reps whose hours are limited."""
