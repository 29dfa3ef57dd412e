"""Classes of deals: learnt against a known truth, kept in a file, and asked of deals that tell none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.engines.chances import Positions, batch_chances
from funnelsim.fitting.groups import SegmentError
from funnelsim.nouns.classes import MISSING, OTHERS, UNKNOWN, ClassError, Classes, joined_words
from funnelsim.nouns.funnel_file import FunnelFileError
from funnelsim.nouns.records import Records
from funnelsim.vocabulary.clock import end_of_day
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.randomness import Streams

START = np.datetime64("2025-01-01")
DAYS = 400
STAGES = fs.Stages.named(["lead"])
#       to won and to lost a day, from the day after entry on
TRUTH = {"partner": (0.06, 0.06), "web": (0.01, 0.04)}


def world(n_deals: int = 6000, seed: int = 1) -> fs.DealHistory:
    """One stage; deals of two sources leave at constant rates of their own; open ones are cut at day 400."""
    rng = np.random.default_rng(seed)
    source = rng.choice(list(TRUTH), n_deals)
    start = rng.integers(0, DAYS, n_deals)
    win, lose = np.array([TRUTH[name] for name in source]).T
    end = start + rng.geometric(win + lose)
    place = np.where(rng.random(n_deals) < win / (win + lose), 1, 2)
    has_ended = end < DAYS
    moves = pd.DataFrame(
        {
            "deal": np.concatenate([np.arange(n_deals), np.flatnonzero(has_ended)]),
            "stage": np.concatenate([np.zeros(n_deals, np.int64), place[has_ended]]),
            "entered_at": pd.to_datetime(START + np.concatenate([start, end[has_ended]])),
            "recorded_at": pd.NaT,
            "amount": np.nan,
        }
    )
    moves["row"] = np.arange(len(moves))
    deals = pd.DataFrame({"deal_id": [f"D{i}" for i in range(n_deals)], "amount": 10.0, "source": source})
    return fs.DealHistory(Records(deals, moves), STAGES, fs.Clock("day"), end_of_day(START + DAYS - 1))


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return world()


@pytest.fixture(scope="module")
def funnel(history: fs.DealHistory) -> fs.Funnel:
    return fs.fit(history, classes="source", level_period=None, calendar=False)


def chance_to_be_won(funnel: fs.Funnel, pipeline: fs.Pipeline, days: int) -> np.ndarray:
    """By deal, mean over draws."""
    edges = np.array([0, days]) + pipeline.cutoff_step + 1
    periods = Periods(edges, ("ahead",), pipeline.cutoff_step)
    positions = Positions.of(funnel, pipeline)
    found = batch_chances(funnel, positions, periods, Streams(1), range(50)).open_deals
    return found.mean(axis=0)[positions.of_deal, 0]


def aged(funnel: fs.Funnel, source: str, ages: list[int]) -> fs.Pipeline:
    n = len(ages)
    return fs.Pipeline(
        clock=fs.Clock("day"), cutoff_step=int(fs.Clock("day").step_of("2026-02-04")),
        deal_ids=np.arange(n).astype(str).astype(object), stage=np.zeros(n, np.int64),
        age_steps=np.array(ages, np.int64), amount=np.full(n, 10.0), won_step=np.zeros(0, np.int64),
        won_amount=np.zeros(0), attributes={"source": np.full(n, source, dtype=object)},
    )  # fmt: skip


@pytest.mark.parametrize("source", list(TRUTH))
def test_every_age_of_a_class_has_the_rates_of_its_own(funnel: fs.Funnel, source: str) -> None:
    """Old leads are mostly from the web, so the common rate falls with age; that of a class does not.

    d: 12 % of a chance at young ages (some 2,000 exits), 30 % at the oldest (a few dozen of partners).
    """
    win, lose = TRUTH[source]
    truth = win / (win + lose) * (1 - (1 - win - lose) ** 30)
    found = chance_to_be_won(funnel, aged(funnel, source, [0, 5, 15, 30]), 30)
    np.testing.assert_allclose(found[:3], truth, rtol=0.12)
    np.testing.assert_allclose(found[3], truth, rtol=0.3)


def test_without_classes_the_ages_differ(history: fs.DealHistory) -> None:
    """The check above would be failed by the common rates: they mix the sources."""
    funnel = fs.fit(history, level_period=None, calendar=False)
    young, old = chance_to_be_won(funnel, aged(funnel, "web", [0, 30]), 30)
    assert young > 1.5 * old


def test_all_classes_together_leave_as_all_deals_did(history: fs.DealHistory, funnel: fs.Funnel) -> None:
    """Wins expected of today's deals, class by class, add up to nearly those of the common rates."""
    pooled = replace(funnel, classes=None)
    own, common = (chance_to_be_won(f, history.pipeline(), 200).sum() for f in (funnel, pooled))
    assert own == pytest.approx(common, rel=0.1)
    shares = funnel.class_shares(Streams(1), 0)
    assert sum(shares.values())[0] == pytest.approx(1.0)
    assert shares[0][0] == pytest.approx(0.5, abs=0.05)


def test_multipliers_of_one_change_nothing(funnel: fs.Funnel, history: fs.DealHistory) -> None:
    assert funnel.classes is not None
    alike = replace(
        funnel.classes,
        mean=np.ones_like(funnel.classes.mean),
        shape=np.full_like(funnel.classes.shape, 1e12),
        base=tuple(np.ones_like(base) for base in funnel.classes.base),
    )
    one, other = (
        fs.forecast(f, history.pipeline(), periods="2Q", engine=fs.Exact(n_draws=20))
        for f in (replace(funnel, classes=alike), replace(funnel, classes=None))
    )
    np.testing.assert_allclose(one.law().mean_by_draw(), other.law().mean_by_draw(), rtol=1e-4)


# --- which class ------------------------------------------------------------------------------------------


def small_classes(labels: tuple[str, ...]) -> Classes:
    ones = np.ones((len(labels), 1, 3))
    return Classes(("source", "region"), labels, ones, ones, (np.ones((2, 3)),), np.ones((len(labels), 1)))


def test_values_name_a_class_and_unknown_ones_are_usual() -> None:
    columns = {
        "source": np.array(["web", "web", "fair"], dtype=object),
        "region": np.array([None, 7.0, "east"], dtype=object),
    }
    assert joined_words(columns.values()) == [f"web / {MISSING}", "web / 7", "fair / east"]
    assert small_classes(("web / 7", "fair / east")).codes(columns, 3).tolist() == [UNKNOWN, 0, 1]
    assert small_classes(("web / 7", OTHERS)).codes(columns, 3).tolist() == [1, 0, 1]
    assert small_classes(("web / 7",)).codes({}, 0).tolist() == []


def test_deals_without_the_attribute_are_refused(funnel: fs.Funnel, history: fs.DealHistory) -> None:
    bare = replace(history.pipeline(), attributes={})
    with pytest.raises(ClassError, match="by 'source', which these deals do not have"):
        fs.forecast(funnel, bare, periods="2Q")


def test_of_many_values_the_smallest_share_a_class() -> None:
    history = fs.simulate_history(seed=2)
    rng = np.random.default_rng(2)
    town = rng.choice([f"town {i}" for i in range(50)], len(history.records.deals), p=np.arange(1, 51) / 1275)
    deals = history.records.deals.assign(town=town)
    history = replace(history, records=replace(history.records, deals=deals))
    funnel = fs.fit(history, classes="town")
    assert funnel.classes is not None
    assert len(funnel.classes) == 32
    assert funnel.classes.labels[-1] == OTHERS
    assert any("31 largest classes by town" in note for note in funnel.notes)
    outlook = fs.forecast(funnel, history.pipeline(), target=5_000_000, engine=fs.Exact(n_draws=10))
    assert 0 < outlook.chance().value < 1


def test_unknown_attributes_are_named(history: fs.DealHistory) -> None:
    with pytest.raises(SegmentError, match="did you mean 'source'"):
        fs.fit(history, classes="sorce")


# --- the file ---------------------------------------------------------------------------------------------


def test_a_saved_funnel_has_the_same_classes(funnel: fs.Funnel, tmp_path: Path) -> None:
    funnel.save(tmp_path / "f.json")
    again = fs.Funnel.load(tmp_path / "f.json")
    assert funnel.classes is not None
    assert again.classes is not None
    assert again.classes.attributes == ("source",)
    assert again.classes.labels == funnel.classes.labels
    moved = (funnel.classes.mean != 1).any(axis=0)
    np.testing.assert_array_equal(again.classes.mean, funnel.classes.mean)
    np.testing.assert_array_equal(again.classes.shape[:, moved], funnel.classes.shape[:, moved])
    for one, other in zip(again.classes.base, funnel.classes.base, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(again.classes.entries, funnel.classes.entries)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"web": {', '"": {', None),
        ('"lost": {\n', '"nowhere": {\n', "'nowhere' is no stage or outcome"),
        ('"attributes"', '"attribute"', "did you mean 'attributes'"),
        ('"shape"', '"shap"', "did you mean 'shape'"),
    ],
)
def test_faults_in_the_file_are_told(
    funnel: fs.Funnel, tmp_path: Path, old: str, new: str, told: str | None
) -> None:
    path = tmp_path / "f.json"
    funnel.save(path)
    text = path.read_text(encoding="utf-8")
    head, part = text.split('"classes"', 1)
    assert old in part
    path.write_text(f'{head}"classes"{part.replace(old, new, 1)}', encoding="utf-8")
    if told is None:
        assert fs.Funnel.load(path).classes is not None
        return
    with pytest.raises((FunnelFileError, fs.FunnelsimError), match=told):
        fs.Funnel.load(path)
