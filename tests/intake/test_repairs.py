"""What is repaired, left out or noted: how, and that it is listed."""

from dataclasses import replace

import pandas as pd
import pytest

from funnelsim.intake.deals import read_deals
from funnelsim.intake.findings import DataError
from funnelsim.intake.observe import MomentError
from funnelsim.intake.stages_file import read_stages
from funnelsim.nouns.history import DealHistory
from funnelsim.vocabulary.stages import Stages

AS_OF = "2026-03-31"


@pytest.fixture
def read(stages):
    """Reads deals and moves given as lines of text; gives the history as it stands."""

    def of(
        deals: str, moves: str, titles: str = "deal_id created_at outcome closed_at updated_at", **options
    ):
        options = {"stages": stages, "as_of": AS_OF} | options
        return read_deals(frame(titles, deals), frame("deal_id stage entered_at", moves), **options)

    return of


def frame(titles: str, lines: str) -> pd.DataFrame:
    rows = [line.split() for line in lines.strip().splitlines()]
    return pd.DataFrame(
        [["" if cell == "." else cell for cell in row] for row in rows], columns=titles.split()
    )


def moves_of(history: DealHistory, deal_id: str) -> list[tuple[str, str]]:
    records = history.records
    deal = list(records.deals["deal_id"]).index(deal_id)
    moves = records.moves[records.moves["deal"] == deal]
    return [
        (history.stages.names[stage], str(at.date()))
        for stage, at in zip(moves["stage"], moves["entered_at"], strict=True)
    ]


def issues_of(history: DealHistory) -> list[tuple[str, str]]:
    issues = history.intake_issues
    return [(row.level, row.rule) for row in issues.itertuples() if row.rule != "no amount"]


def first_issue(history: DealHistory) -> pd.Series:
    issues = history.intake_issues
    return issues[issues["rule"] != "no amount"].iloc[0]


def test_an_ending_of_the_deals_table_becomes_a_move(read):
    history = read("A 2026-01-05 won 2026-02-01 .", "A lead 2026-01-05")
    assert moves_of(history, "A") == [("lead", "2026-01-05"), ("won", "2026-02-01")]
    assert issues_of(history) == []


def test_an_ending_of_the_history_counts_whatever_the_closing_date(read):
    history = read("A 2026-01-05 won 2026-02-09 .", "A lead 2026-01-05\nA won 2026-02-01")
    assert moves_of(history, "A") == [("lead", "2026-01-05"), ("won", "2026-02-01")]


def test_an_ending_in_the_history_alone_is_enough(read):
    history = read("A", "A lead 2026-01-05\nA won 2026-02-01", titles="deal_id")
    assert list(history.deals["outcome"]) == ["won"]


@pytest.mark.parametrize(
    ("updated_at", "dated"),
    [("2026-02-20", "2026-02-20"), ("2026-01-10", "2026-01-20"), (".", "2026-01-20")],
)
def test_lost_without_a_date_is_dated_at_the_later_of_update_and_last_move(read, updated_at, dated):
    history = read(f"A 2026-01-05 lost . {updated_at}", "A lead 2026-01-05\nA offer 2026-01-20")
    assert moves_of(history, "A")[-1] == ("lost", dated)
    assert issues_of(history) == [("repaired", "lost without a date")]
    assert "open until then" in first_issue(history)["message"]


def test_created_after_the_first_move_counts_from_that_move(read):
    history = read("A 2026-01-09 open . .", "A lead 2026-01-05")
    assert moves_of(history, "A") == [("lead", "2026-01-05")]
    assert issues_of(history) == [("repaired", "created late")]
    assert first_issue(history)["value"] == "2026-01-09"


def test_created_later_on_the_day_of_a_move_without_a_time_is_no_repair(read):
    history = read("A 2026-01-05T16:00 open . .", "A lead 2026-01-05", tz="UTC")
    assert issues_of(history) == []


def test_closed_before_its_first_move_ends_with_its_last_move(read):
    history = read("A 2026-01-05 won 2026-01-10 .", "A lead 2026-01-15\nA offer 2026-01-20")
    assert moves_of(history, "A")[-1] == ("won", "2026-01-20")
    assert issues_of(history) == [("repaired", "closed early")]


def test_a_stray_move_does_not_shift_the_win_of_a_closed_deal(read):
    history = read("A 2026-01-05 won 2026-01-10 .", "A lead 2026-01-05\nA offer 2026-01-20")
    assert moves_of(history, "A") == [("lead", "2026-01-05"), ("won", "2026-01-10")]
    assert issues_of(history) == [("left out", "moved after closing")]
    issue = first_issue(history)
    assert (issue["deal_id"], issue["row"], issue["value"]) == ("A", 3, "2026-01-20")


def test_a_move_later_on_the_closing_day_is_no_stray(read):
    history = read("A 2026-01-05 won 2026-01-10 .", "A lead 2026-01-05\nA offer 2026-01-10T15:00", tz="UTC")
    assert [place for place, _ in moves_of(history, "A")] == ["lead", "offer", "won"]


@pytest.mark.parametrize(("rule", "left"), [("cut", ["A", "B"]), ("reject", ["B"])])
def test_the_rule_for_reopened_deals_covers_moves_after_the_closing_date(read, stages, rule, left):
    deals = "A 2026-01-05 won 2026-01-10 .\nB 2026-01-05 open . ."
    log = "A lead 2026-01-05\nA offer 2026-01-20\nB lead 2026-01-05"
    history = read(deals, log, stages=replace(stages.stages, reopened=rule))
    assert list(history.deals["deal_id"]) == left
    assert (history.issues["level"] == "left out").sum() == 1
    if rule == "cut":
        assert str(history.deals["closed_at"][0].date()) == "2026-01-10"


def test_repeated_rows_count_once(read):
    history = read("A 2026-01-05 open . .", "A lead 2026-01-05\nA offer 2026-01-20\nA offer 2026-01-20")
    assert len(moves_of(history, "A")) == 2
    issue = first_issue(history)
    assert (issue["level"], issue["rule"], issue["row"]) == ("repaired", "repeated row", 4)


def test_moves_of_unknown_deals_are_set_aside_one_by_one(read):
    history = read("A 2026-01-05 open . .", "A lead 2026-01-05\nZ lead 2026-01-06\nZ offer 2026-01-07")
    assert issues_of(history) == [("left out", "unknown deal")] * 2
    assert list(history.intake_issues["deal_id"])[:2] == ["Z", "Z"]


def test_deals_without_history_enter_the_first_stage_when_created(read):
    history = read("A 2026-01-05 open . .\nB 2026-01-07 lost 2026-02-01 .", "A lead 2026-01-05")
    assert moves_of(history, "B") == [("lead", "2026-01-07"), ("lost", "2026-02-01")]
    note = first_issue(history)
    assert (note["level"], note["rule"], note["value"]) == ("note", "no history", 1)
    assert "'lead'" in note["message"]


def test_deals_without_history_enter_the_stage_the_deals_table_names(read):
    deals = "A 2026-01-05 open offer\nB 2026-01-07 open quote\nC 2026-01-08 open ."
    history = read(deals, "A lead 2026-01-05", titles="deal_id created_at outcome stage")
    assert moves_of(history, "B") == [("offer", "2026-01-07")]
    assert moves_of(history, "C") == [("lead", "2026-01-08")]


def test_a_deal_whose_history_is_only_its_ending_enters_when_created(read):
    history = read("A 2026-01-05 won . .\nB 2026-01-09 won . .", "A won 2026-02-01\nB won 2026-01-08")
    assert moves_of(history, "A") == [("lead", "2026-01-05"), ("won", "2026-02-01")]
    assert moves_of(history, "B") == [("lead", "2026-01-08"), ("won", "2026-01-08")]
    assert issues_of(history) == [("repaired", "created late")]


def test_the_stage_says_the_outcome_where_no_column_does(read):
    deals = "A 2026-01-05 offer .\nB 2026-01-07 Won 2026-02-01"
    history = read(deals, "A lead 2026-01-05", titles="deal_id created_at stage closed_at")
    assert moves_of(history, "B") == [("lead", "2026-01-07"), ("won", "2026-02-01")]


def test_what_comes_after_as_of_is_not_known_yet(read):
    deals = "A 2026-01-05 won 2026-02-01 .\nB 2026-01-20 open . ."
    history = read(deals, "A lead 2026-01-05\nA offer 2026-01-15\nB lead 2026-01-20", as_of="2026-01-14")
    assert moves_of(history, "A") == [("lead", "2026-01-05")]
    assert list(history.deals["outcome"]) == ["open"]
    note = first_issue(history)
    assert (note["level"], note["rule"], note["value"]) == ("note", "after as_of", 3)
    assert "1 deals start later" in note["message"]


def test_what_was_recorded_after_as_of_is_not_known_yet(stages):
    moves = frame(
        "deal_id stage entered_at recorded_at", "A lead 2026-01-05 2026-01-05\nA offer 2026-01-10 2026-02-20"
    )
    history = read_deals(frame("deal_id", "A"), moves, stages=stages, as_of="2026-01-31")
    assert moves_of(history, "A") == [("lead", "2026-01-05")]


def test_an_as_of_before_the_first_event_is_refused(read):
    with pytest.raises(MomentError, match=r"as_of=2026-01-01.*the first event is on 2026-01-05"):
        read("A . open . .", "A lead 2026-01-05", as_of="2026-01-01")


@pytest.mark.parametrize("as_of", ["soon", "3/4/2026", "", "2026-02-30"])
def test_an_as_of_that_is_no_date_is_refused(read, as_of):
    with pytest.raises(MomentError, match=f"as_of='{as_of}'"):
        read("A . open . .", "A lead 2026-01-05", as_of=as_of)


@pytest.mark.parametrize(
    "as_of", ["2026-01-20", "2026-01-20 23:00", "20 Jan 2026", "2026-01-20T23:30:00+01:00"]
)
def test_as_of_takes_dates_and_moments(read, as_of):
    moves = "A lead 2026-01-05T10:00\nA offer 2026-01-20T22:00\nA won 2026-01-21T00:30"
    history = read("A . . . .", moves, tz="Europe/Amsterdam", as_of=as_of)
    assert moves_of(history, "A")[-1] == ("offer", "2026-01-20")


def test_without_as_of_the_last_event_is_taken_and_noted(read):
    history = read("A 2026-01-05 open . .", "A lead 2026-01-05\nA offer 2026-01-20", as_of=None)
    assert str(history.cutoff.astype("datetime64[D]")) == "2026-01-20"
    note = first_issue(history)
    assert (note["level"], note["rule"], note["value"]) == ("note", "as_of", "2026-01-20 00:00:00")


def test_times_with_an_offset_and_no_zone_are_noted_as_utc(read):
    history = read("A . open . .", "A lead 2026-01-05T23:30:00-05:00")
    assert moves_of(history, "A") == [("lead", "2026-01-06")]
    assert issues_of(history) == [("note", "time zone")]


def test_clock_changes_are_listed_with_the_row(read):
    history = read("A . open . .", "A lead 2026-03-29T02:30\nA offer 2026-03-29T12:00", tz="Europe/Amsterdam")
    issue = first_issue(history)
    assert (issue["level"], issue["rule"], issue["row"]) == ("repaired", "clock change", 2)


def test_sequence_numbers_order_the_moves_and_keep_dates_as_recorded(stages):
    moves = frame(
        "deal_id stage entered_at seq", "A won 2026-02-01 3\nA lead 2026-01-09 1\nA offer 2026-01-05 2"
    )
    history = read_deals(frame("deal_id", "A"), moves, stages=stages, as_of=AS_OF)
    assert history.records.keeps_file_order
    assert moves_of(history, "A") == [("lead", "2026-01-09"), ("offer", "2026-01-05"), ("won", "2026-02-01")]


def test_rows_in_any_order_tell_the_same(read):
    deals = "A 2026-01-05 won 2026-02-01 .\nB 2026-01-07 lost . 2026-02-03"
    moves = ["A lead 2026-01-05", "A offer 2026-01-20", "B lead 2026-01-07", "B offer 2026-01-25"]
    one, other = (
        read(deals, "\n".join(moves)),
        read("\n".join(reversed(deals.splitlines())), "\n".join(moves[::-1])),
    )
    columns = ["deal_id", "place", "entered_at", "closed_at"]
    one, other = (
        history.deals[columns].sort_values("deal_id", ignore_index=True) for history in (one, other)
    )
    pd.testing.assert_frame_equal(one, other)


LOSSES = """
[outcome_values]
Dead = "lost_price"
Parked = "open"
"*" = ""
[[stage]]
name = "lead"
[[outcome]]
name = "won"
kind = "won"
[[outcome]]
name = "lost_other"
kind = "lost"
[[outcome]]
name = "lost_price"
kind = "lost"
aliases = ["price"]
"""


@pytest.mark.parametrize(
    ("outcome", "reason", "place", "rules"),
    [
        ("lost", "price", "lost_price", []),
        ("lost", "Lost Price", "lost_price", []),
        ("lost", "weather", "lost_other", ["which outcome"]),
        ("lost_price", "weather", "lost_price", []),
        ("Dead", "", "lost_price", []),
    ],
)
def test_which_loss_it_was_is_said_by_outcome_or_reason(write, outcome, reason, place, rules):
    deals = pd.DataFrame(
        {"deal_id": ["A"], "outcome": outcome, "closed_at": "2026-02-01", "lost_reason": reason}
    )
    moves = frame("deal_id stage entered_at", "A lead 2026-01-05")
    history = read_deals(deals, moves, stages=write("stages.toml", LOSSES), as_of=AS_OF)
    assert list(history.deals["place"]) == [place]
    assert [rule for _, rule in issues_of(history)] == rules


@pytest.mark.parametrize(("outcome", "place"), [("Parked", "lead"), ("Whatever", "won"), ("", "won")])
def test_outcome_values_may_say_open_or_look_in_the_history(write, outcome, place):
    moves = "A lead 2026-01-05" + ("\nA won 2026-02-01" if place == "won" else "")
    deals = pd.DataFrame({"deal_id": ["A"], "outcome": outcome})
    stages = read_stages(write("stages.toml", LOSSES))
    history = read_deals(deals, frame("deal_id stage entered_at", moves), stages=stages, as_of=AS_OF)
    assert list(history.deals["place"]) == [place]


def test_the_first_ending_counts_where_the_stages_say_cut():
    stages = Stages.named(["lead", "offer"])
    stages = Stages(stages.open, stages.outcomes, reopened="cut")
    deals = frame("deal_id outcome closed_at", "A lost 2026-02-20\nB lost 2026-02-20")
    moves = frame("deal_id stage entered_at", "A lead 2026-01-05\nA won 2026-02-01\nB lead 2026-01-07")
    history = read_deals(deals, moves, stages=stages, as_of=AS_OF)
    assert list(history.deals["outcome"]) == ["won", "lost"]
    assert issues_of(history) == [("repaired", "outcome after the ending")]


def test_a_deal_lost_re_opened_and_won_in_the_deals_table(read):
    moves = "A lead 2026-01-05\nA lost 2026-01-20\nA offer 2026-02-01"
    history = read("A 2026-01-05 won 2026-02-20 .", moves)
    assert moves_of(history, "A")[-1] == ("won", "2026-02-20")
    assert list(history.deals["outcome"]) == ["won"]


def test_amounts_may_come_with_the_moves(stages):
    moves = frame(
        "deal_id stage entered_at amount",
        "A lead 2026-01-05 100\nA offer 2026-01-20 120\nB lead 2026-01-07 .",
    )
    history = read_deals(frame("deal_id", "A\nB"), moves, stages=stages, as_of=AS_OF)
    assert history.records.moves["amount"].tolist()[:2] == [100.0, 120.0]
    assert history.records.deals["amount"].fillna(-1).tolist() == [120.0, -1.0]


def test_attributes_are_kept_and_read_columns_are_not(read):
    deals = "A 2026-01-05 open north 7"
    history = read(deals, "A lead 2026-01-05", titles="deal_id created_at outcome region score")
    assert list(history.records.deals.columns) == ["deal_id", "amount", "region", "score"]


def test_unknown_amounts_are_noted(read):
    history = read("A", "A lead 2026-01-05", titles="deal_id")
    assert list(history.intake_issues["rule"]) == ["no amount"]
    assert history.records.deals["amount"].isna().all()


def test_empty_cells_of_attributes_are_none(write, stages):
    deals = write("deals.csv", "deal_id,region\nA,\nB,north\n")
    moves = frame("deal_id stage entered_at", "A lead 2026-01-05\nB lead 2026-01-05")
    history = read_deals(deals, moves, stages=stages, as_of=AS_OF)
    assert list(history.records.deals["region"]) == [None, "north"]


def test_well_known_words_for_an_ending_need_no_alias(read):
    history = read(
        "A\nB", "A lead 2026-01-05\nA ClosedWon 2026-02-01\nB lead 2026-01-07\nB 输单 2026-02-01", "deal_id"
    )
    assert list(history.deals["place"]) == ["won", "lost"]


def test_options_win_over_the_stages_file(write):
    stages = write(
        "stages.toml", '[read]\nstep = "week"\nunit = "EUR"\nas_of = 2026-01-31\n[[stage]]\nname = "lead"\n'
    )
    deals = frame("deal_id created_at outcome", "A 2026-01-05 open")
    assert read_deals(deals, stages=stages).clock.step == "week"
    history = read_deals(deals, stages=stages, step="day", unit="CHF", as_of="2026-02-28")
    assert (history.clock.step, history.unit, str(history.cutoff)[:10]) == ("day", "CHF", "2026-02-28")


def test_windows_that_are_given_are_taken(read):
    history = read("A . . . .", "A lead 2026-01-05", window_start="2026-01-01", arrivals_until="2026-02-28")
    assert str(history.window_start.astype("datetime64[D]")) == "2026-01-01"
    assert history.clock.step_of(history.arrivals_until) == history.clock.step_of("2026-02-28")


@pytest.fixture
def cut_by_closing_date() -> pd.DataFrame:
    """Two deals a day from 2025-01-01, lost after 1 to 40 days; cut: those closed in the first 100 days."""
    day = pd.Series(range(200)).repeat(2).reset_index(drop=True)
    closed = day + 1 + day.index * 7 % 40
    origin = pd.Timestamp("2025-01-01")
    deals = pd.DataFrame(
        {"deal_id": day.index, "created_at": origin + pd.to_timedelta(day, "D"), "outcome": "lost"}
    )
    deals["closed_at"] = origin + pd.to_timedelta(closed, "D")
    return deals[closed >= 100]


def test_a_late_start_of_the_log_is_detected_and_noted(cut_by_closing_date):
    history = read_deals(cut_by_closing_date, as_of="2025-08-20")
    first_ending = cut_by_closing_date["closed_at"].min()
    assert history.window_start == first_ending.to_numpy()
    assert str(first_ending.date()) in history.intake_issues.set_index("rule").loc["window_start", "message"]


def test_the_end_of_arrivals_is_detected_and_noted(cut_by_closing_date):
    # The last deal is created on day 199, 2025-07-19: (45 / 77)**90, no chance.
    history = read_deals(cut_by_closing_date, as_of="2025-08-20")
    assert str(history.arrivals_until.astype("datetime64[D]")) == "2025-07-19"
    assert "2025-07-19" in history.intake_issues.set_index("rule").loc["arrivals_until", "message"]


@pytest.mark.parametrize(
    ("step", "cutoff", "n_moves"),
    [("day", "2026-03-18", 3), ("week", "2026-03-15", 2), ("month", "2026-02-28", 1)],
)
def test_a_running_week_or_month_is_left_out_and_noted(read, step, cutoff, n_moves):
    log = "A lead 2026-02-05\nA offer 2026-03-10\nA quote 2026-03-17"
    history = read("A 2026-02-05 open . .", log, as_of="2026-03-18", step=step)
    assert str(history.cutoff)[:10] == cutoff
    assert len(history.records.moves) == n_moves
    notes = history.issues[history.issues["rule"] == "as_of"]
    assert list(notes["value"]) == ([] if step == "day" else [cutoff])


def test_the_week_of_the_last_event_counts_as_watched_and_is_noted(read):
    history = read("A 2026-02-05 open . .", "A lead 2026-02-05", as_of=None, step="week")
    assert str(history.cutoff) == "2026-02-08T23:59:59.999999"
    assert "counts as watched" in history.issues["message"].str.cat(sep=" ")


def test_a_value_of_a_million_characters_is_told_by_its_beginning(read):
    with pytest.raises(DataError) as error:
        read("A 2026-01-05 open . .", "A " + "x" * 1_000_000 + " 2026-01-05")
    assert "(1,000,000 characters)" in str(error.value)
    assert len(str(error.value)) < 1_000


def few_old_deals(n_early: int) -> pd.DataFrame:
    """Deals that arrive long before the first ending, and ten that end a day after they came."""
    early = [(f"E{i}", "2026-01-01", "lost", "2026-02-10") for i in range(n_early)]
    quick = [(f"Q{i}", "2026-02-10", "lost", "2026-02-11") for i in range(10)]
    return pd.DataFrame(early + quick, columns=["deal_id", "created_at", "outcome", "closed_at"])


def test_few_deals_cannot_tell_of_a_late_log():
    # All that arrived before 2026-02-10 should have ended by then, by the ten that end at an age of a day.
    # Each of the early ones is at risk at age 40 only: at age 1 all of the ten at risk end.
    few, many = (read_deals(few_old_deals(n), as_of="2026-03-01") for n in (5, 12))
    assert few.window_start is None
    assert str(many.window_start.astype("datetime64[D]")) == "2026-02-10"
    (message,) = many.intake_issues.query("rule == 'window_start'")["message"]
    assert "about 12 of those that arrived earlier" in message


def test_an_ending_that_was_undone_is_one_recorded(stages):
    deals = few_old_deals(12)
    log = pd.DataFrame(
        [("E0", "lead", "2026-01-01"), ("E0", "lost", "2026-01-02"), ("E0", "lead", "2026-01-03")],
        columns=["deal_id", "stage", "entered_at"],
    )
    history = read_deals(deals, log, stages=stages, as_of="2026-03-01")
    assert history.window_start is None
    undone = history.intake_issues.query("rule == 'window_start'")
    assert not len(undone)
    assert read_deals(deals, log[:1], stages=stages, as_of="2026-03-01").window_start is not None
