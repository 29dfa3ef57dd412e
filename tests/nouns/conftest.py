"""Tiny histories written by hand: rows of (deal, place, entered, ...) become Records and DealHistory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.records import Records
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.stages import Outcome, Stage, Stages

# Losses before wins, so that no rule can lean on the usual order of codes.
OUTCOMES = (Outcome("lost", "lost"), Outcome("won", "won"), Outcome("partner", "won"))


@pytest.fixture
def make_stages() -> Callable[..., Stages]:
    def make(names: str = "ABCD", **rules: Any) -> Stages:
        return Stages(tuple(Stage(name) for name in names), OUTCOMES, **rules)

    return make


@pytest.fixture
def make_records() -> Callable[..., Records]:
    """Records from moves (deal, place, entered, recorded or None, amount or None), in file order."""

    def make(
        moves: list[tuple],
        stages: Stages,
        *,
        amounts: dict[str, float] | None = None,
        attributes: dict[str, list] | None = None,
        keeps_file_order: bool = False,
    ) -> Records:
        ids = list(dict.fromkeys([*(amounts or {}), *(move[0] for move in moves)]))
        full = [(*move, None, None)[:5] for move in moves]
        deals = pd.DataFrame({"deal_id": ids, "amount": [(amounts or {}).get(i, np.nan) for i in ids]})
        for name, values in (attributes or {}).items():
            deals[name] = values
        frame = pd.DataFrame(
            {
                "deal": [ids.index(deal) for deal, *_ in full],
                "stage": [stages.codes[place] for _, place, *_ in full],
                "entered_at": np.array([entered for _, _, entered, _, _ in full], dtype="datetime64[us]"),
                "recorded_at": np.array([recorded for *_, recorded, _ in full], dtype="datetime64[us]"),
                "amount": np.array([amount for *_, amount in full], dtype=float),
                "row": np.arange(len(full)) + 2,  # a file's first row of data is its second
            }
        )
        return Records(deals, frame, keeps_file_order)

    return make


@pytest.fixture
def make_history(make_records: Callable[..., Records]) -> Callable[..., DealHistory]:
    def make(
        moves: list[tuple],
        stages: Stages,
        cutoff: str = "2026-12-31T23:59:59.999999",
        *,
        step: str = "day",
        window_start: str | None = None,
        arrivals_until: str | None = None,
        **records: Any,
    ) -> DealHistory:
        return DealHistory(
            make_records(moves, stages, **records),
            stages,
            Clock(step),  # type: ignore[arg-type]
            np.datetime64(cutoff),
            window_start=None if window_start is None else np.datetime64(window_start),
            arrivals_until=None if arrivals_until is None else np.datetime64(arrivals_until),
            unit="EUR",
        )

    return make
