"""Collections by hand: what they refuse, what they say, and that a file keeps them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.nouns.collections import CollectionsError
from funnelsim.nouns.funnel import FunnelError
from funnelsim.nouns.funnel_file import FunnelFileError
from funnelsim.numerics.hazards import StageHazards


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"never_paid": 1.2}, "never_paid must be a number from 0 to 1, not 1.2"),
        ({"terms_days": -1}, "terms_days must be a number from 0"),
        ({"terms_days": "30"}, "not '30'"),
        ({"late_mean_days": float("nan")}, "not nan"),
        ({"instalments": ((0.5, 0), (0.4, 60))}, "add up to 0.9; they must add up to 1"),
        ({"instalments": (0.5, 0.5)}, "pairs of a share and days"),
        ({"instalments": ()}, "add up to 0"),
    ],
)
def test_terms_that_cannot_be_meant_are_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(CollectionsError, match=says):
        fs.Collections.by_hand(**options)  # type: ignore[arg-type]


def test_revenue_rules_are_checked() -> None:
    with pytest.raises(CollectionsError, match="use one of at once, straight-line, on delivery"):
        fs.Recognition("monthly")  # type: ignore[arg-type]
    with pytest.raises(CollectionsError, match="months"):
        fs.Recognition("straight-line", months=0)


def test_collections_of_another_clock_are_refused() -> None:
    funnel = fs.sample_funnel()
    with pytest.raises(FunnelError, match="its collections weeks"):
        funnel.with_collections(fs.Collections.by_hand(clock=fs.Clock("week")))


def test_a_disputed_share_needs_a_delay() -> None:
    with pytest.raises(CollectionsError, match="no delay of disputed ones"):
        replace(fs.Collections.by_hand(), share_disputed=0.1)


def counted() -> fs.Collections:
    """Collections as a fit makes them: counts, classes, disputes, and changes by levers."""
    law = StageHazards(
        np.array([0, 1, 20, 60]),
        np.array([[1.0, 0], [30, 0], [60, 3], [0, 0]]),
        np.array([100.0, 1800, 1500, 40]),
        np.array([0.95, 0.05]),
    )
    return fs.Collections(
        clock=fs.Clock("day"),
        delay=law,
        by_class={"A": law, "B": law},
        disputed=law,
        share_disputed=0.2,
        worth_invoices=100.0,
        recognition=fs.Recognition("on delivery", days=14),
        origin="100 invoices",
    ).with_changes(pace=1.2, never_paid_odds=0.5, terms_days=14)


@pytest.mark.parametrize(
    "terms",
    [fs.Collections.by_hand(late_mean_days=7, never_paid=0.1, share_disputed=0.2), counted()],
    ids=["by hand", "counted"],
)
def test_a_file_keeps_collections(tmp_path: Path, terms: fs.Collections) -> None:
    """Cash from the funnel read is that of the funnel written, to the last digit."""
    history = fs.simulate_history(seed=2)
    funnel, pipeline = fs.fit(history).with_collections(terms), history.pipeline()
    funnel.save(tmp_path / "funnel.json")
    read = fs.Funnel.load(tmp_path / "funnel.json")
    engine = fs.MonteCarlo(n_futures=40, n_draws=4)
    cash, again = (fs.forecast(f, pipeline, measure="cash", engine=engine).draws() for f in (funnel, read))
    np.testing.assert_allclose(again, cash)
    assert repr(read.collections) == repr(terms)


def test_a_file_by_hand_takes_terms_and_tells_faults_by_key(tmp_path: Path) -> None:
    path = tmp_path / "funnel.json"
    fs.sample_funnel().save(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["collections"] = {"terms_days": 14, "late_mean_days": 5, "instalments": [[0.5, 0], [0.5, 30]]}
    path.write_text(json.dumps(content), encoding="utf-8")
    terms = fs.Funnel.load(path).collections
    assert terms is not None
    assert terms.instalments == ((0.5, 0.0), (0.5, 30.0))
    for part, says in [
        ({"terms_day": 14}, "collections.terms_day: no such key; did you mean 'terms_days'"),
        ({"revenue": {"hov": "at once"}}, "collections.revenue.hov: no such key; did you mean 'how'"),
        ({"delay": {"first_age": [0, 2]}}, "must increase and begin 0, 1"),
        ({"delay": {"first_age": [0, 1], "chance_per_step": {"gone": [0, 1]}}}, "ends are paid, written off"),
    ]:
        content["collections"] = part
        path.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(FunnelFileError, match=says):
            fs.Funnel.load(path)
