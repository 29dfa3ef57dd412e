"""Small histories told in tuples, and one simulated history shared by all rivals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.nouns.history import DealHistory


def _told(
    moves: list[tuple[str, str, str]], amounts: dict[str, float | None], as_of: str, **options: Any
) -> DealHistory:
    log = pd.DataFrame(moves, columns=["deal_id", "stage", "entered_at"])
    deals = pd.DataFrame({"deal_id": log["deal_id"].unique()})
    deals["amount"] = deals["deal_id"].map(amounts).astype(float)
    stages = options.pop("stages", fs.Stages.named(["A", "B"]))
    return fs.read_deals(deals, log, stages=stages, as_of=as_of, tz="UTC", **options)


@pytest.fixture(scope="session")
def told() -> Callable[..., DealHistory]:
    """A history from moves (deal, stage, date) and amounts by deal."""
    return _told


@pytest.fixture(scope="session")
def simulated() -> DealHistory:
    """Two and a half years of a five-stage funnel, its log complete after half a year."""
    return fs.simulate_history(seed=5)
