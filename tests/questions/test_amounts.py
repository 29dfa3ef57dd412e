"""Amounts: tables by hand, revisions by hand, size that matters and size that does not, few data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.fitting.groups import SegmentError
from funnelsim.nouns.records import Records
from funnelsim.questions.amount_size import amounts_at_entry, size_classes
from funnelsim.questions.amounts import AmountsError


def with_amounts(history: fs.DealHistory, amount: np.ndarray) -> fs.DealHistory:
    """The same history with other amounts, given by record."""
    deals = history.records.deals.assign(amount=amount)
    return replace(history, records=Records(deals, history.records.moves, history.records.keeps_file_order))


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return fs.simulate_history(3)


@pytest.fixture(scope="module")
def revised() -> fs.DealHistory:
    """Three deals won, one lost; amounts recorded with moves."""
    deals = pd.DataFrame(
        {
            "deal_id": ["a", "b", "c", "d"],
            "created_at": "2026-01-01",
            "amount": [120.0, 90.0, 50.0, 70.0],
            "outcome": ["won", "won", "won", "lost"],
            "closed_at": "2026-03-01",
        }
    )
    rows = [
        ("a", "lead", 1, 100.0),
        ("a", "offer", 2, 150.0),
        ("b", "lead", 1, 60.0),
        ("b", "offer", 2, None),
    ]
    rows += [("c", "lead", 1, 0.0), ("c", "offer", 2, 50.0), ("d", "lead", 1, 10.0), ("d", "offer", 2, 10.0)]
    log = pd.DataFrame(rows, columns=["deal_id", "stage", "month", "amount"])
    log["entered_at"] = "2026-0" + log.pop("month").astype(str) + "-01"
    stages = fs.Stages.named(["lead", "offer"])
    return fs.read_deals(deals, log, stages=stages, as_of="2026-03-31", window_start="2026-01-01")


def assert_all_stated(frame: pd.DataFrame, names: list[str]) -> None:
    """No number is missing, and every interval holds its estimate."""
    assert not frame.isna().any().any()
    for name in names:
        assert (frame[f"{name}_low"] <= frame[name] + 1e-9).all()
        assert (frame[name] <= frame[f"{name}_high"] + 1e-9).all()


# --- the table


def test_the_table_says_what_is_plain(history):
    table = fs.amounts(history).table()
    deals = history.deals
    won = deals.loc[deals["outcome"] == "won", "amount"]
    row = table.loc["all deals"]
    assert (row["n_won"], row["n_with_amount"]) == (len(won), won.notna().sum())
    assert row["missing_won"] == pytest.approx(won.isna().mean())
    assert row["missing_open"] == pytest.approx(deals.loc[deals["outcome"] == "open", "amount"].isna().mean())
    assert (row["mean"], row["median"]) == (pytest.approx(won.mean()), pytest.approx(won.median()))
    assert row["share_of_ten_largest"] == pytest.approx(won.nlargest(10).sum() / won.sum())
    assert_all_stated(table, ["mean", "p10", "median", "p90"])


def test_groups_add_up_and_those_without_amounts_are_named(history):
    deals = history.deals
    east = history.records.deals["region"] == "East"
    gone = with_amounts(history, history.records.deals["amount"].where(~east).to_numpy())
    found = fs.amounts(gone, "region")
    assert list(found.left_out) == ["East"]
    table = found.table()
    assert sorted(table.index) == ["North", "South"]
    assert table["n_won"].sum() == ((deals["outcome"] == "won") & (deals["region"] != "East")).sum()
    assert not table.isna().any().any()


# --- the tail


def test_few_wins_cannot_tell(history):
    won = np.flatnonzero((history.deals["outcome"] == "won").to_numpy())
    kept = history.paths.deal[history.paths.is_first][won[:49]]
    amount = np.full(len(history.records.deals), np.nan)
    amount[kept] = np.arange(1.0, 50.0)
    found = fs.amounts(with_amounts(history, amount))
    tail = found.tail()
    assert tail["words"].tolist() == ["cannot tell: 49 wins with an amount are too few; 50 are needed"]
    assert not tail.isna().any().any()
    assert "cannot tell" in repr(found)


@pytest.mark.parametrize(("is_heavy", "least", "most"), [(True, 9, 10), (False, 0, 0)])
def test_the_table_says_where_the_mean_is_badly_known(history, is_heavy, least, most):
    """10 seeds: of Pareto amounts with exponent 1.5 nine tables say so at least, of even ones none.

    Of 60 such samples of 300, 58 left a tenth of the chance to shapes from 0.5 on.
    """
    n_said, n = 0, len(history.records.deals)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        amount = 1000 * (1 + (rng.pareto(1.5, n) if is_heavy else rng.random(n)))
        found = fs.amounts(with_amounts(history, amount), n_draws=2)
        words = found.table().loc["all deals", "words"]
        n_said += "badly known" in words and "interval is too narrow" in words
        if not is_heavy or found.fitted_tail.shape >= 0.5:
            assert words.startswith(found.tail().loc["shape", "words"])
    assert least <= n_said <= most


def test_the_table_cannot_tell_of_the_mean_of_few(history):
    table = fs.amounts(history, ["region", "source", "owner"], n_draws=2).table()
    few = table[table["n_with_amount"] < 50]
    assert len(few) > 3
    assert few["words"].str.match("cannot tell: .* too few; 50 are needed").all()


def test_a_price_list_has_no_tail(history):
    amount = np.random.default_rng(0).choice([10.0, 20.0, 50.0], len(history.records.deals))
    assert "cannot tell: only" in fs.amounts(with_amounts(history, amount)).tail()["words"].iloc[0]


def test_the_tail_in_words(history):
    rng = np.random.default_rng(0)
    amount = 1000.0 * rng.random(len(history.records.deals)) ** -0.8
    heavy = fs.amounts(with_amounts(history, amount)).tail()
    assert heavy.loc["AIC gain over log-normal", "words"] == "heavier than log-normal"
    assert abs(heavy.loc["shape", "value"] - 0.8) < 4 * 1.8 / np.sqrt(28)
    plain = fs.amounts(history).tail()
    assert "as closely as chance" in heavy.loc["gap", "words"]
    assert plain.loc["AIC gain over log-normal", "words"].startswith("no heavier")
    chance = plain.loc["record in the next quarter"]
    assert 0.02 < chance["value"] < 0.35  # about 30 wins after some 280: 0.1 without a model
    for frame in (heavy, plain):
        assert not frame.isna().any().any()
        assert ((frame["low"] <= frame["value"]) & (frame["value"] <= frame["high"])).all()


def test_a_tail_that_does_not_fit_is_said(history):
    rng = np.random.default_rng(0)
    amount = np.where(rng.random(len(history.records.deals)) < 0.95, 10.0, 1000.0)
    amount += rng.random(len(amount))
    assert "do not use" in fs.amounts(with_amounts(history, amount)).tail().loc["gap", "words"]


# --- revisions


def test_revisions_by_hand(revised):
    """Lead: 120/100 and 90/60 (c has 0, d is lost); offer: 120/150 and 50/50 (b has none)."""
    table = fs.amounts(revised).revision()
    assert list(table.index) == ["lead", "offer"]
    assert table["n_deals"].tolist() == [2, 2]
    np.testing.assert_allclose(table["median"], [1.35, 0.9])
    np.testing.assert_allclose(table["mean"], [1.35, 0.9])
    np.testing.assert_allclose(table["p90"], [1.5, 1.0])
    np.testing.assert_allclose(table["unchanged"], [0.0, 0.5])
    assert_all_stated(table, ["mean", "p10", "median", "p90"])


def test_no_revisions_without_amounts_on_moves(history):
    with pytest.raises(AmountsError, match="no amounts are recorded with moves"):
        fs.amounts(history).revision()


# --- size


def test_the_amount_at_entry_is_that_of_the_first_move(revised):
    assert amounts_at_entry(revised).tolist() == [100.0, 60.0, 0.0, 10.0]


def test_thirds_and_missing():
    words, order = size_classes(np.array([1.0, 2.0, 3.0, np.nan, 4.0, 5.0, 6.0]))
    assert order[-1] == "(missing)"
    assert [order.index(word) if word else -1 for word in words] == [0, 0, 1, -1, 1, 2, 2]
    assert size_classes(np.array([5.0, 5.0]))[1] == ["any amount", "(missing)"]
    assert len(size_classes(np.array([5.0] * 8 + [9.0]))[1]) == 3


def test_size_that_does_not_matter_is_not_proven(history):
    amount = np.exp(np.random.default_rng(1).normal(10, 1, len(history.records.deals)))
    amount[::7] = np.nan
    table = fs.amounts(with_amounts(history, amount), n_draws=200).by_size()
    assert table.index[-1] == "(missing)"
    assert len(table) == 4
    assert table["n_deals"].sum() == history.n_deals
    assert (table["verdict"].str.startswith("not proven")).all()
    assert np.ptp(table["win_rate"]) < np.ptp(table["raw_win_rate"])
    assert_all_stated(table, ["raw_win_rate", "win_rate", "raw_pace", "pace"])


def test_size_that_matters_is_proven():
    """Lost deals are larger by 0.9 in logarithms: small ones win more often, and later time shows it."""
    world = fs.simulate_history(5, segments=False, season=False)
    n = len(world.records.deals)
    rng = np.random.default_rng(2)
    fate = pd.Series("open", index=range(n), dtype=object)
    fate.iloc[world.paths.deal[world.paths.is_first]] = world.deals["outcome"].to_numpy()
    amount = np.exp(rng.normal(8, 0.5, n) + 0.9 * (fate == "lost").to_numpy())
    table = fs.amounts(with_amounts(world, amount), n_draws=200).by_size()
    assert (table["verdict"] == "proven").all()
    assert table["win_rate"].iloc[0] > 2 * table["win_rate"].iloc[2]


# --- refusals


def test_what_cannot_be_asked_is_refused(history):
    with pytest.raises(SegmentError, match="did you mean 'region'"):
        fs.amounts(history, "regoin")
    with pytest.raises(AmountsError, match="interval 1"):
        fs.amounts(history, interval=1.5)
    with pytest.raises(AmountsError, match="tail_share 0"):
        fs.amounts(history, tail_share=0.0)
    with pytest.raises(AmountsError, match="nothing to tell"):
        fs.amounts(with_amounts(history, np.full(len(history.records.deals), np.nan)))
