"""Backtests: forecasts made again at past origins, from what was known then, against what came."""
