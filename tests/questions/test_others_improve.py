"""The other 80 %: the rule of three by hand, and a forecast that is that of the lever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.nouns.levers.protocol import LeverError

ENGINE = fs.Exact(n_draws=10)


@pytest.fixture(scope="module")
def case() -> tuple[fs.Funnel, fs.Pipeline]:
    history = fs.simulate_history(seed=2)
    funnel = fs.fit(history, classes="owner", calendar=False, level_period=None)
    pipeline = history.pipeline()
    names = np.array(["A", "B", "C", "D", "E"], dtype=object)
    step = np.full(100, pipeline.cutoff_step - 40)
    owner = np.repeat(names, [50, 20, 15, 10, 5])
    won = {"won_step": step, "won_amount": np.full(100, 1_000.0), "won_attributes": {"owner": owner}}
    return funnel, replace(pipeline, **won)


def test_the_rule_of_three_is_that_of_a_slide(case: tuple[fs.Funnel, fs.Pipeline]) -> None:
    """A alone is the top 20 % of five, with half of 100,000: the others' 50,000 x 30 %, for four quarters."""
    funnel, pipeline = case
    cutoff = fs.Clock("day").start_of([pipeline.cutoff_step + 1])[0].astype("datetime64[D]")
    year = [str(cutoff), str(cutoff + 365)]
    table = fs.others_improve(funnel, pipeline, target=1e6, periods=year, engine=ENGINE)
    row = table.loc["rule of three"]
    assert row["share_of_best"] == 0.5
    assert row["gain"] == pytest.approx(15_000 * 365 / 365.25)
    assert np.isnan(row["gain_se"])


def test_the_forecast_is_that_of_the_lever(case: tuple[fs.Funnel, fs.Pipeline]) -> None:
    funnel, pipeline = case
    found = fs.others_improve(funnel, pipeline, target=2.5e6, by=0.2, top=0.3, periods="2Q", engine=ENGINE)
    lever = fs.OutsideTop(fs.Conversion(1.2), 0.3)
    before, after = (
        fs.forecast(f, pipeline, periods="2Q", target=2.5e6, engine=ENGINE)
        for f in (funnel, lever.apply(funnel))
    )
    row = found.loc["forecast"]
    assert row["gain"] == pytest.approx(after.mean().value - before.mean().value)
    assert row["change_of_chance"] == pytest.approx(after.chance().value - before.chance().value)
    assert 0 < row["share_of_best"] < 1


def test_what_cannot_be_told_is_refused(case: tuple[fs.Funnel, fs.Pipeline]) -> None:
    funnel, pipeline = case
    with pytest.raises(LeverError, match="no win of the last twelve months"):
        fs.others_improve(funnel, replace(pipeline, won_attributes={}), target=1e6, engine=ENGINE)
    with pytest.raises(LeverError, match="not by 'region'"):
        fs.others_improve(funnel, pipeline, target=1e6, attribute="region", engine=ENGINE)
    with pytest.raises(LeverError, match="must be a share above 0"):
        fs.others_improve(funnel, pipeline, target=1e6, by=-0.3, engine=ENGINE)
    worthless = replace(pipeline, won_amount=np.zeros(100))
    with pytest.raises(LeverError, match="measure='wins'"):
        fs.others_improve(funnel, worthless, target=1e6, engine=ENGINE)
    for top in (0, True, np.nan):
        with pytest.raises(LeverError, match="share of the best"):
            fs.others_improve(funnel, pipeline, target=1e6, top=top, engine=ENGINE)
