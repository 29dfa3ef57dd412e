"""Synthetic worlds: histories with known truth, an oracle that knows it, and the sample of every command."""

from __future__ import annotations

from funnelsim.questions.worlds.families import FAMILIES, Family, families_named
from funnelsim.questions.worlds.methods import Oracle, Ours
from funnelsim.questions.worlds.oracle import true_futures
from funnelsim.questions.worlds.process import Process
from funnelsim.questions.worlds.sample import (
    SAMPLE_STAGES,
    SAMPLE_TARGET,
    WorldError,
    sample_funnel,
    simulate_history,
)
from funnelsim.questions.worlds.table import table_of
from funnelsim.questions.worlds.trial import benchmark, run_trials
from funnelsim.questions.worlds.world import World, simulate_world

__all__ = [
    "FAMILIES",
    "Family",
    "families_named",
    "Process",
    "World",
    "simulate_world",
    "true_futures",
    "Ours",
    "Oracle",
    "benchmark",
    "run_trials",
    "table_of",
    "SAMPLE_STAGES",
    "SAMPLE_TARGET",
    "WorldError",
    "sample_funnel",
    "simulate_history",
]
