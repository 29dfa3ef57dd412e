"""DealHistory: what was known when, the position at the cutoff, and the stays behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funnelsim.nouns.history import DealHistory, HistoryError
from funnelsim.nouns.records import Records
from funnelsim.vocabulary.clock import Clock, ClockError
from funnelsim.vocabulary.stages import Stages

Make = Callable[..., Any]

# deal, place, entered, recorded, amount
MOVES = [
    ("one", "A", "2026-01-05T10:00", None, 100.0),
    ("one", "B", "2026-01-20", None, 120.0),
    ("one", "won", "2026-03-01", None, 150.0),
    ("two", "A", "2026-01-10", None, None),
    ("two", "B", "2026-02-10", "2026-02-25", 80.0),  # entered into the system a fortnight late
    ("two", "lost", "2026-04-01", None, None),
    ("three", "A", "2026-02-20", None, 40.0),
    ("three", "B", "2026-02-20T18:00", None, 45.0),
]

CUTOFFS = {
    "day": "2026-09-30T23:59:59.999999",
    "week": "2026-10-04T23:59:59.999999",
    "month": "2026-09-30T23:59:59.999999",
}


def open_deals(history: DealHistory) -> dict[str, tuple[str, int]]:
    """Open deals: name to (stage, age)."""
    pipeline, names = history.pipeline(), history.stages.names
    columns = (pipeline.deal_ids, pipeline.stage, pipeline.age_steps)
    return {deal: (names[stage], int(age)) for deal, stage, age in zip(*columns, strict=True)}


def amounts(history: DealHistory) -> dict[str, float]:
    return history.deals.set_index("deal_id")["amount"].dropna().to_dict()


@pytest.fixture
def stages(make_stages: Make) -> Stages:
    return make_stages("AB")


@pytest.fixture
def history(make_history: Make, stages: Stages) -> DealHistory:
    listed = {"one": 150.0, "two": 80.0, "three": 45.0}
    return make_history(MOVES, stages, "2026-04-30T23:59:59.999999", amounts=listed)


# --- the present


def test_deals_stand_where_their_last_move_left_them(history: DealHistory) -> None:
    deals = history.deals.set_index("deal_id")
    assert deals["place"].to_dict() == {"one": "won", "two": "lost", "three": "B"}
    assert deals["outcome"].to_dict() == {"one": "won", "two": "lost", "three": "open"}
    assert deals.loc["one", "created_at"] == pd.Timestamp("2026-01-05T10:00")
    assert deals.loc["one", "closed_at"] == deals.loc["one", "entered_at"] == pd.Timestamp("2026-03-01")
    assert pd.isna(deals.loc["three", "closed_at"])
    assert history.n_deals == 3
    assert repr(history) == "DealHistory(3 deals at 2026-04-30: 1 won, 1 lost, 1 open; 0 issues)"


def test_spells_by_hand(history: DealHistory, stages: Stages) -> None:
    spells, day = history.spells, Clock("day").step_of
    names = [*stages.names, "still there"]  # destination -1 is the last
    found = [
        (deal, stages.names[stage], entry, last, names[destination])
        for deal, stage, entry, last, destination in zip(
            spells.deal, spells.stage, spells.entry_step, spells.exit_step, spells.destination, strict=True
        )
    ]
    expected = [
        (0, "A", "2026-01-05", "2026-01-20", "B"),
        (0, "B", "2026-01-20", "2026-03-01", "won"),
        (1, "A", "2026-01-10", "2026-02-10", "B"),
        (1, "B", "2026-02-10", "2026-04-01", "lost"),
        (2, "A", "2026-02-20", "2026-02-20", "B"),
        (2, "B", "2026-02-20", "2026-04-30", "still there"),
    ]
    assert found == [
        (deal, stage, day(entry), day(last), destination)
        for deal, stage, entry, last, destination in expected
    ]


@pytest.mark.parametrize(
    ("step", "last_day", "age"),
    [
        ("hour", "2026-04-30", 69 * 24 + 23 - 18),
        ("day", "2026-04-30", 69),
        ("week", "2026-05-03", 10),
        ("month", "2026-04-30", 2),
    ],
)
def test_age_is_counted_in_steps_of_the_clock(
    make_history: Make, stages: Stages, step: str, last_day: str, age: int
) -> None:
    """From Friday 20 February 18:00 to Thursday 30 April, or the Sunday after: ten Mondays lie between."""
    history = make_history(MOVES, stages, f"{last_day}T23:59:59.999999", step=step)
    assert open_deals(history) == {"three": ("B", age)}


def test_pipeline_holds_open_deals_with_their_attributes(make_history: Make, stages: Stages) -> None:
    history = make_history(
        MOVES,
        stages,
        "2026-04-30T23:59:59.999999",
        amounts={"one": 150.0, "two": 80.0, "three": 45.0},
        attributes={"region": ["North", "South", "East"]},
    )
    pipeline = history.pipeline()
    assert pipeline.deal_ids.tolist() == ["three"]
    assert pipeline.amount.tolist() == [45.0]
    assert {name: column.tolist() for name, column in pipeline.attributes.items()} == {"region": ["East"]}
    assert pipeline.cutoff_step == Clock("day").step_of("2026-04-30")
    assert pipeline.won_amount.tolist() == [150.0]
    assert pipeline.won_step.tolist() == [Clock("day").step_of("2026-03-01")]


@pytest.mark.parametrize(
    ("won_on", "is_kept"),
    [
        ("2026-09-30", True),
        ("2026-01-01", True),
        ("2025-10-01", True),  # a year that began the day after the last cutoff
        ("2025-08-01", False),
        ("2020-01-01", False),
    ],
)
def test_wins_of_the_last_twelve_months_are_kept(
    make_history: Make, stages: Stages, won_on: str, is_kept: bool
) -> None:
    moves = [("d", "A", "2019-01-01"), ("d", "partner", won_on), ("e", "A", "2026-09-01")]
    for step, cutoff in CUTOFFS.items():
        pipeline = make_history(moves, stages, cutoff, step=step).pipeline()
        assert len(pipeline.won_step) == is_kept


def test_pipeline_keeps_every_win_it_says_it_keeps(make_history: Make, stages: Stages) -> None:
    """Forecasts lean on `first_won_step`: a win on that very step must be there."""
    for step, cutoff in CUTOFFS.items():
        first = make_history(MOVES, stages, cutoff, step=step).pipeline().first_won_step
        won_on = str(Clock(step).start_of(first))  # type: ignore[arg-type]
        moves = [("d", "A", "2019-01-01"), ("d", "won", won_on)]
        assert make_history(moves, stages, cutoff, step=step).pipeline().won_step == [first]


def test_lost_deals_and_open_deals_are_no_wins(history: DealHistory) -> None:
    before_the_win = history.as_of("2026-02-28").pipeline()
    assert len(before_the_win.won_step) == 0


def test_steps_without_recorded_arrivals_are_told_to_the_engine(make_history: Make, stages: Stages) -> None:
    cut = {"cutoff": "2026-04-30T23:59:59.999999"}
    assert make_history(MOVES, stages, **cut).pipeline().unrecorded_steps == 0
    stopped = make_history(MOVES, stages, **cut, arrivals_until="2026-04-20")
    assert stopped.pipeline().unrecorded_steps == 10
    assert stopped.as_of("2026-04-25").pipeline().unrecorded_steps == 5
    assert stopped.as_of("2026-04-10").pipeline().unrecorded_steps == 0


# --- what was known


@pytest.mark.parametrize(
    ("moment", "known"),
    [
        ("2026-01-05", {"one": ("A", 0)}),
        ("2026-01-10", {"one": ("A", 5), "two": ("A", 0)}),
        ("2026-01-19", {"one": ("A", 14), "two": ("A", 9)}),
        ("2026-01-20", {"one": ("B", 0), "two": ("A", 10)}),
        ("2026-02-24", {"one": ("B", 35), "two": ("A", 45), "three": ("B", 4)}),  # not recorded yet
        ("2026-02-25", {"one": ("B", 36), "two": ("B", 15), "three": ("B", 5)}),  # now it is, as of the 10th
        ("2026-02-28", {"one": ("B", 39), "two": ("B", 18), "three": ("B", 8)}),
        ("2026-03-01", {"two": ("B", 19), "three": ("B", 9)}),
        ("2026-03-31", {"two": ("B", 49), "three": ("B", 39)}),  # its loss is undone
        ("2026-04-01", {"three": ("B", 40)}),
    ],
)
def test_open_deals_as_they_were_known(
    history: DealHistory, moment: str, known: dict[str, tuple[str, int]]
) -> None:
    assert open_deals(history.as_of(moment)) == known


@pytest.mark.parametrize(
    ("moment", "known"),
    [
        ("2026-01-05", {"one": 100.0}),
        ("2026-01-20", {"one": 120.0}),
        ("2026-02-24", {"one": 120.0, "three": 45.0}),
        ("2026-02-25", {"one": 120.0, "two": 80.0, "three": 45.0}),
        ("2026-04-30", {"one": 150.0, "two": 80.0, "three": 45.0}),
    ],
)
def test_amounts_as_they_were_recorded(history: DealHistory, moment: str, known: dict[str, float]) -> None:
    assert amounts(history.as_of(moment)) == known


def test_amount_without_a_record_of_its_own_stays_as_it_stands(make_history: Make, stages: Stages) -> None:
    """Deal "four" never has an amount with a move: its listed amount is all there is."""
    moves = [*MOVES, ("four", "A", "2026-01-06")]
    listed = {"one": 150.0, "two": 80.0, "three": 45.0, "four": 7.0}
    history = make_history(moves, stages, "2026-04-30T23:59:59.999999", amounts=listed)
    assert amounts(history.as_of("2026-01-10")) == {"one": 100.0, "four": 7.0}


def test_latest_amount_is_by_date_of_entry_not_by_row_or_size(make_history: Make, stages: Stages) -> None:
    moves = [
        ("d", "B", "2026-01-20", None, 60.0),
        ("d", "A", "2026-01-05", None, 90.0),
        ("d", "won", "2026-03-01", None, 75.0),
    ]
    history = make_history(moves, stages, amounts={"d": 75.0})
    assert amounts(history.as_of("2026-01-19")) == {"d": 90.0}
    assert amounts(history.as_of("2026-01-20")) == {"d": 60.0}


def test_a_moment_may_fall_within_a_day(history: DealHistory) -> None:
    assert open_deals(history.as_of("2026-02-20T17:59"))["three"] == ("A", 0)
    assert open_deals(history.as_of("2026-02-20T18:00"))["three"] == ("B", 0)
    assert open_deals(history.as_of("2026-02-20"))["three"] == ("B", 0)  # a plain date: the end of that day


def test_a_move_in_the_last_instant_of_a_day_is_known_at_its_end(make_history: Make, stages: Stages) -> None:
    moves = [("d", "A", "2026-02-20T23:59:59.7"), ("d", "B", "2026-02-21T00:00:00")]
    history = make_history(moves, stages)
    assert open_deals(history.as_of("2026-02-20")) == {"d": ("A", 0)}


@pytest.mark.parametrize("form", [str, pd.Timestamp, np.datetime64])
def test_moments_are_accepted_in_every_common_form(history: DealHistory, form: Any) -> None:
    assert open_deals(history.as_of(form("2026-02-25")))["two"] == ("B", 15)


def test_nothing_known_or_not_yet_known_is_refused(history: DealHistory) -> None:
    with pytest.raises(HistoryError, match="no deal is known at 2026-01-04"):
        history.as_of("2026-01-04")
    with pytest.raises(HistoryError, match=r"2026-05-01.* lies after the cutoff .*not known yet"):
        history.as_of("2026-05-01")
    assert open_deals(history.as_of("2026-04-30")) == open_deals(history)


def test_rules_are_applied_anew_so_that_no_later_repair_is_used(
    make_history: Make, make_stages: Make
) -> None:
    """The deal re-opens in March: in February it was lost, and counts as lost."""
    stages = make_stages("AB")
    moves = [
        ("d", "A", "2026-01-01"),
        ("d", "lost", "2026-02-01"),
        ("d", "B", "2026-03-01"),
        ("e", "A", "2026-01-01"),
    ]
    history = make_history(moves, stages)
    assert open_deals(history)["d"] == ("B", 305)
    assert set(open_deals(history.as_of("2026-02-28"))) == {"e"}
    assert history.as_of("2026-02-28").deals["outcome"].tolist() == ["lost", "open"]
    assert len(history.issues) == 1
    assert len(history.as_of("2026-02-28").issues) == 0


def test_looking_back_twice_is_looking_back_once(history: DealHistory) -> None:
    for between in ("2026-04-01", "2026-03-01", "2026-02-25", "2026-02-20"):
        twice, once = history.as_of(between).as_of("2026-02-20"), history.as_of("2026-02-20")
        assert open_deals(twice) == open_deals(once)
        assert amounts(twice) == amounts(once)


def test_arrivals_are_never_complete_beyond_the_moment(make_history: Make, stages: Stages) -> None:
    history = make_history(MOVES, stages, "2026-04-30T23:59:59.999999", arrivals_until="2026-04-20")
    assert history.as_of("2026-04-25").arrivals_until == np.datetime64("2026-04-20")
    assert history.as_of("2026-03-25").arrivals_until == history.as_of("2026-03-25").cutoff
    assert make_history(MOVES, stages).as_of("2026-03-25").arrivals_until is None


def test_window_start_is_kept(make_history: Make, stages: Stages) -> None:
    history = make_history(MOVES, stages, window_start="2026-01-15")
    assert history.as_of("2026-02-20").window_start_step == Clock("day").step_of("2026-01-15")
    assert make_history(MOVES, stages).window_start_step is None


# --- nothing that happens later can be felt


PLACES = ["A", "B", "C", "D", "lost", "won"]
stamped = st.tuples(
    st.sampled_from(["one", "two", "three", "four"]),
    st.sampled_from(PLACES),
    st.integers(0, 20),
    st.one_of(st.none(), st.integers(0, 20)),
    st.one_of(st.none(), st.floats(1, 100)),
)


def dated(move: tuple) -> tuple:
    deal, place, entered, recorded, amount = move
    day = np.datetime64("2026-01-01", "us")
    return (
        deal,
        place,
        str(day + np.timedelta64(entered, "D")),
        None if recorded is None else str(day + np.timedelta64(recorded, "D")),
        amount,
    )


def everything(history: DealHistory) -> dict[str, Any]:
    """All that later parts read from a history."""
    spells, pipeline, ids = history.spells, history.pipeline(), history.records.deals["deal_id"].to_numpy()
    return {
        "deals": history.deals.to_dict("list")
        | {"closed_at": history.deals["closed_at"].astype(str).tolist()},
        "spells": [
            ids[spells.deal].tolist(),
            *(c.tolist() for c in (spells.stage, spells.entry_step, spells.exit_step, spells.destination)),
        ],
        "pipeline": [
            c.tolist()
            for c in (
                pipeline.deal_ids,
                pipeline.stage,
                pipeline.age_steps,
                np.nan_to_num(pipeline.amount, nan=-1),
                pipeline.won_step,
                np.nan_to_num(pipeline.won_amount, nan=-1),
            )
        ],
        "issues": history.issues["message"].tolist(),
    }


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    moves=st.lists(stamped, min_size=1, max_size=12),
    other=st.lists(stamped, max_size=8),
    keeps_file_order=st.booleans(),
)
def test_what_happens_after_the_moment_changes_nothing(
    moves: list[tuple], other: list[tuple], keeps_file_order: bool, make_records: Make, make_stages: Make
) -> None:
    """The same past, another future: moves later than day 10 are dropped, or replaced by any others."""
    stages = make_stages()

    def is_past(move: tuple) -> bool:
        return max(move[2], move[3] or 0) <= 10

    past = [move for move in moves if is_past(move)]
    if not past:
        return
    # a later amount of its own tells that a deal has a record of its own; so every deal has one by then
    first = [(deal, "A", 0, None, 5.0) for deal in ("one", "two", "three", "four")]
    worlds = [
        [*first, *moves],
        [*first, *past],
        [*first, *past, *(move for move in other if not is_past(move))],
    ]
    seen = []
    for world in worlds:
        listed = {"one": float(len(world)), "two": 2.0, "three": 3.0, "four": 4.0}  # as they stand now
        records: Records = make_records(
            [dated(move) for move in world], stages, amounts=listed, keeps_file_order=keeps_file_order
        )
        records = replace(records, moves=records.moves.assign(row=records.moves["stage"]))
        late = ("three", "B", 25, None, 9.0)  # so that each world has a later move
        after = make_records([dated(late)], stages, amounts=listed).moves
        records = replace(records, moves=pd.concat([records.moves, after], ignore_index=True))
        history = DealHistory(records, stages, Clock("day"), np.datetime64("2026-03-01"))
        seen.append(everything(history.as_of("2026-01-11")))
    assert repr(seen[0]) == repr(seen[1])
    assert repr(seen[1]) == repr(seen[2])


# --- issues


def test_issues_of_reading_come_before_those_of_the_rules(make_history: Make, stages: Stages) -> None:
    history = make_history([("d", "B", "2026-01-01"), ("d", "A", "2026-01-02")], stages)
    reading = history.issues.assign(rule="unknown stage", level="left out")
    both = replace(history, intake_issues=reading)
    assert both.issues["rule"].tolist() == ["unknown stage", "backward move"]


def test_issue_summary_counts_by_rule_with_an_example(make_history: Make, stages: Stages) -> None:
    moves = [("d", "B", "2026-01-01"), ("d", "A", "2026-01-02"), ("e", "B", "2026-01-01")]
    moves += [("e", "A", "2026-01-03"), ("e", "won", "2026-01-04")]
    summary = make_history(moves, stages).issue_summary().set_index("rule")
    assert summary["count"].to_dict() == {"backward move": 2, "skipped stage": 1}
    assert summary.loc["backward move", "example_deal"] == "d"
    assert summary.loc["backward move", "example_value"] == "A"
    assert summary.loc["skipped stage", "level"] == "note"


def test_a_clean_history_has_an_empty_summary(make_history: Make, stages: Stages) -> None:
    history = make_history([("d", "A", "2026-01-01"), ("d", "B", "2026-01-02")], stages)
    assert len(history.issues) == len(history.issue_summary()) == 0


def test_a_history_without_moves_is_refused(make_history: Make, stages: Stages) -> None:
    with pytest.raises(HistoryError, match="no deal is known"):
        make_history([], stages, amounts={"d": 1.0})


def test_a_deal_without_moves_does_not_count(make_history: Make, stages: Stages) -> None:
    history = make_history(MOVES, stages, amounts={"ghost": 9.0, "one": 150.0, "two": 80.0, "three": 45.0})
    assert history.n_deals == 3
    assert "ghost" not in set(history.deals["deal_id"])
    assert amounts(history) == {"one": 150.0, "two": 80.0, "three": 45.0}


@pytest.mark.parametrize(("step", "cutoff"), [("week", "2026-04-26"), ("month", "2026-03-31")])
def test_a_running_week_or_month_is_left_for_the_forecast(
    make_history: Make, stages: Stages, step: str, cutoff: str
) -> None:
    """Counted as watched, it would dilute every hazard, and its rest would be missing from the forecast."""
    history = make_history(MOVES, stages, "2026-05-31T23:59:59.999999", step="month")
    history = replace(history, clock=Clock(step), cutoff=np.datetime64("2026-05-31T23:59:59.999999"))
    earlier = history.as_of("2026-04-29")
    assert earlier.cutoff == np.datetime64(f"{cutoff}T23:59:59.999999")
    assert earlier.records.moves["entered_at"].max() <= pd.Timestamp(earlier.cutoff)
    with pytest.raises(HistoryError, match=f"inside a {step} of the clock"):
        replace(history, cutoff=np.datetime64("2026-04-29T23:59:59.999999"))


def test_windows_begin_and_end_with_whole_steps(make_history: Make, stages: Stages) -> None:
    history = make_history(MOVES, stages, "2026-05-31T23:59:59.999999", step="month")
    cut = replace(
        history,
        window_start=np.datetime64("2026-02-10"),
        arrivals_until=np.datetime64("2026-05-10T23:59:59.999999"),
    )
    month = Clock("month")
    assert cut.window_start_step == month.step_of("2026-03-01")
    assert cut.last_arrival_step == month.step_of("2026-04-01")


def test_a_moment_before_the_window_is_refused(make_history: Make, stages: Stages) -> None:
    history = make_history(MOVES, stages, "2026-04-30T23:59:59.999999")
    history = replace(history, window_start=np.datetime64("2026-03-01"))
    with pytest.raises(HistoryError, match="complete only from 2026-03-01"):
        history.as_of("2026-02-20")


@pytest.mark.parametrize("moment", ["03/04/2026", "2026-04", None])
def test_a_moment_that_could_be_two_days_is_refused(history: DealHistory, moment: Any) -> None:
    with pytest.raises(ClockError, match="write it as"):
        history.as_of(moment)
