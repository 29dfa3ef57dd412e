"""Pipeline: what it holds, what it refuses, and that nobody can change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.pipeline import Pipeline, PipelineError


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(
        clock=Clock("day"),
        cutoff_step=20726,  # 2026-09-30
        deal_ids=np.array(["a", "b", "c"], dtype=object),
        stage=np.array([0, 1, 1]),
        age_steps=np.array([0, 5, 400]),
        amount=np.array([1000.0, np.nan, 250.0]),
        won_step=np.array([20000, 20726]),
        won_amount=np.array([10.0, np.nan]),
        attributes={"region": np.array(["N", "S", None], dtype=object)},
    )


def test_pipeline_counts_and_prints_its_deals(pipeline: Pipeline) -> None:
    assert pipeline.n_deals == 3
    assert repr(pipeline) == "Pipeline(3 open deals worth 1,250 at 2026-09-30, 1 without an amount)"
    known = replace(pipeline, amount=np.array([1000.0, 0.0, 250.0]))
    assert repr(known) == "Pipeline(3 open deals worth 1,250 at 2026-09-30)"


def test_pipeline_may_be_empty(pipeline: Pipeline) -> None:
    none, codes = np.zeros(0), np.zeros(0, dtype=np.int64)
    empty = Pipeline(pipeline.clock, 3, none.astype(object), codes, codes, none, codes, none)
    assert empty.n_deals == 0


@pytest.mark.parametrize("column", ["deal_ids", "stage", "age_steps", "amount", "won_step", "won_amount"])
def test_columns_of_unequal_length_are_refused(pipeline: Pipeline, column: str) -> None:
    shorter = getattr(pipeline, column)[:-1]
    with pytest.raises(PipelineError, match="one entry per deal"):
        replace(pipeline, **{column: shorter})


def test_attribute_of_another_length_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(PipelineError, match="one entry per deal"):
        replace(pipeline, attributes={"region": np.array(["N", "S"], dtype=object)})
    with pytest.raises(PipelineError, match="per win"):
        replace(pipeline, won_attributes={"region": np.array(["N"] * 99, dtype=object)})


@pytest.mark.parametrize(("ages", "least"), [([3, 0, -1], -1), ([3, -2, -1], -2)])
def test_negative_age_is_refused_with_the_value(pipeline: Pipeline, ages: list[int], least: int) -> None:
    with pytest.raises(PipelineError, match=rf"ages must be >= 0, found {least}"):
        replace(pipeline, age_steps=np.array(ages))


def test_negative_number_of_unrecorded_steps_is_refused(pipeline: Pipeline) -> None:
    assert replace(pipeline, unrecorded_steps=3).unrecorded_steps == 3
    with pytest.raises(PipelineError, match="unrecorded_steps must be >= 0, not -1"):
        replace(pipeline, unrecorded_steps=-1)


@pytest.mark.parametrize(
    ("step", "cutoff", "year_begins"),
    [
        ("day", "2026-12-30", "2026-01-01"),
        ("day", "2024-12-30", "2024-01-01"),  # a leap year
        ("day", "2027-03-30", "2026-04-01"),
        ("month", "2026-11-30", "2026-01-01"),
        ("hour", "2026-12-31T22:00", "2026-01-01"),
    ],
)
def test_wins_are_kept_for_the_longest_running_year(step: str, cutoff: str, year_begins: str) -> None:
    """A year that ends with the next step is the longest that can run; two months more are not needed."""
    clock, none = Clock(step), np.zeros(0)  # type: ignore[arg-type]
    codes = none.astype(np.int64)
    pipeline = Pipeline(
        clock, int(clock.step_of(cutoff)), none.astype(object), codes, codes, none, codes, none
    )
    begins = np.datetime64(year_begins)
    assert pipeline.first_won_step <= clock.step_of(begins)
    assert pipeline.first_won_step > clock.step_of(begins - np.timedelta64(62, "D"))


@pytest.mark.parametrize("column", ["amount", "won_amount"])
@pytest.mark.parametrize("value", [-0.01, np.inf, -np.inf])
def test_impossible_amount_is_refused(pipeline: Pipeline, column: str, value: float) -> None:
    amounts = getattr(pipeline, column).copy()
    amounts[0] = value
    with pytest.raises(PipelineError, match="finite and >= 0, or NaN"):
        replace(pipeline, **{column: amounts})


@pytest.mark.parametrize(
    "column",
    [
        lambda p: p.deal_ids,
        lambda p: p.stage,
        lambda p: p.age_steps,
        lambda p: p.amount,
        lambda p: p.won_step,
        lambda p: p.won_amount,
        lambda p: p.attributes["region"],
    ],
)
def test_columns_are_read_only(pipeline: Pipeline, column: Callable[[Pipeline], np.ndarray]) -> None:
    with pytest.raises(ValueError, match="read-only"):
        column(pipeline)[0] = column(pipeline)[1]
