"""Amounts that are revised between listing and win: learnt from won deals, drawn for open ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.fitting.tally import Tally
from funnelsim.nouns.records import Records
from funnelsim.numerics.amounts import fit_revision
from funnelsim.vocabulary.clock import end_of_day

STAGES = fs.Stages.named(["lead", "offer"])
LEAD, OFFER, WON, LOST = range(4)
START = np.datetime64("2026-01-01")
Move = tuple[int, int, int, float]  # deal, place, day, amount recorded with the move


def history_of(moves: list[Move], amounts: list[float]) -> fs.DealHistory:
    frame = pd.DataFrame(moves, columns=["deal", "stage", "day", "amount"])
    frame["entered_at"] = pd.to_datetime(START + frame.pop("day").to_numpy())
    frame["recorded_at"], frame["row"] = pd.NaT, np.arange(len(frame)) + 2
    deals = pd.DataFrame({"deal_id": [f"D{i}" for i in range(len(amounts))], "amount": amounts})
    return fs.DealHistory(Records(deals, frame), STAGES, fs.Clock("day"), end_of_day(START + 179))


def test_ratios_by_hand() -> None:
    """Deal 0: listed 100, then 120, won at 90. Deal 1: nothing recorded as a lead, 50 in the offer, so won.

    Deal 2 returns to lead with another amount: the last stay in a stage counts. Deal 3 is lost, 4 is open.
    """
    nan = np.nan
    moves: list[Move] = [
        *[(0, LEAD, 1, 100.0), (0, OFFER, 5, 120.0), (0, WON, 9, 90.0)],
        *[(1, LEAD, 2, nan), (1, OFFER, 6, 50.0), (1, WON, 10, nan)],
        *[(2, LEAD, 1, 10.0), (2, OFFER, 2, nan), (2, LEAD, 3, 20.0), (2, OFFER, 4, nan), (2, WON, 11, 40.0)],
        *[(3, LEAD, 1, 7.0), (3, LOST, 3, nan), (4, LEAD, 1, 7.0)],
    ]
    counted = Tally.of(history_of(moves, [90.0, 50.0, 40.0, 7.0, 7.0]))
    np.testing.assert_allclose(counted.won_ratio, [[0.9, 0.75], [nan, 1.0], [2.0, 2.0]])


@pytest.mark.parametrize(
    ("ratio", "is_told"),
    [
        (np.full(19, 0.8), False),
        (np.full(20, 0.8), True),
        (np.append(np.full(19, 0.8), np.nan), False),
        (np.ones(500), False),
        (np.full(30, np.nan), False),
    ],
)
def test_a_revision_needs_twenty_wins_and_ratios_other_than_one(ratio: np.ndarray, is_told: bool) -> None:
    assert (fit_revision(ratio) is not None) == is_told


def revised_world() -> fs.DealHistory:
    """400 deals listed at 100, half of them open offers; the won ones closed at 60 or 80 in equal shares."""
    moves: list[Move] = []
    amounts = []
    for deal in range(400):
        final = (60.0, 80.0)[deal % 2]
        moves += [(deal, LEAD, deal % 100, 100.0), (deal, OFFER, deal % 100 + 5, 100.0)]
        if deal < 200:
            moves.append((deal, WON, deal % 100 + 30, final))
        amounts.append(final if deal < 200 else 100.0)
    return history_of(moves, amounts)


def test_open_deals_are_won_at_revised_amounts() -> None:
    """Each win brings 70 on average and never the 100 it is listed at. d: 0.3 % of the mean (4 SE)."""
    history = revised_world()
    funnel = fs.fit(history)
    assert funnel.mean_revision() == pytest.approx([0.7, 0.7])
    assert any("'offer' 0.70" in note for note in funnel.notes)
    exact = fs.forecast(funnel, history.pipeline(), periods="1Q", engine="exact").outcome
    per_win = exact.expected([0], "bookings")[0] / exact.expected([0], "wins")[0]
    assert per_win == pytest.approx(70.0, rel=0.003)
    outlook = fs.forecast(funnel, history.pipeline(), periods="1Q", engine=fs.MonteCarlo(4000, 100))
    single = outlook.outcome.open_bookings[outlook.outcome.open_wins == 1]
    assert np.isin(single.round(6), [60.0, 80.0]).all()
    assert outlook.by_deal()["amount"].unique() == pytest.approx([70.0])


def test_without_revisions_nothing_is_drawn() -> None:
    history = fs.simulate_history(seed=5)  # its amounts never change
    assert fs.fit(history).revisions == ()


def test_a_saved_revision_is_read_again(tmp_path: Path) -> None:
    funnel = fs.fit(revised_world())
    funnel.save(tmp_path / "f.json")
    again = fs.Funnel.load(tmp_path / "f.json")
    for one, other in zip(funnel.revisions, again.revisions, strict=True):
        np.testing.assert_array_equal(one.points, other.points)
        np.testing.assert_array_equal(one.weights, other.weights)


def test_tallies_of_parts_keep_ratios_beside_their_wins() -> None:
    whole = revised_world()
    deals, moves = whole.records.deals, whole.records.moves
    parts = []
    for rows in (np.arange(0, 400, 2), np.arange(1, 400, 2)):
        mine = moves[moves["deal"].isin(rows)]
        mine = mine.assign(deal=np.searchsorted(rows, mine["deal"]))
        part = fs.DealHistory(
            Records(deals.iloc[rows].reset_index(drop=True), mine), STAGES, whole.clock, whole.cutoff
        )
        parts.append(Tally.of(part, rows))
    total, expected = Tally.total(parts), Tally.of(whole)
    np.testing.assert_array_equal(total.won_amount, expected.won_amount)
    np.testing.assert_array_equal(total.won_ratio, expected.won_ratio)
