"""Synthetic worlds: histories with known truth, an oracle that knows it, and the sample of every command."""

from __future__ import annotations

from funnelsim.questions.worlds.sample import (
    SAMPLE_STAGES,
    SAMPLE_TARGET,
    WorldError,
    sample_funnel,
    simulate_history,
)

__all__ = ["SAMPLE_STAGES", "SAMPLE_TARGET", "WorldError", "sample_funnel", "simulate_history"]
