"""One date column for each stage, in place of a history."""

import pandas as pd
import pytest

from funnelsim.intake.deals import read_deals
from funnelsim.intake.findings import DataError
from funnelsim.intake.infer import InferredStagesWarning

TITLES = ["deal_id", "lead", "Quote", "won", "lost", "region"]


def table(*rows: str) -> pd.DataFrame:
    cells = [["" if cell == "." else cell for cell in row.split()] for row in rows]
    return pd.DataFrame(cells, columns=TITLES)


def places(history) -> list[tuple[str, str]]:
    moves = history.records.moves
    return [
        (history.stages.names[stage], str(at.date()))
        for stage, at in zip(moves["stage"], moves["entered_at"], strict=True)
    ]


def test_columns_called_like_stages_become_moves_in_the_funnels_order(stages):
    history = read_deals(
        table("A 2026-01-05 2026-01-20 2026-02-01 . north"), stages=stages, as_of="2026-03-31"
    )
    assert places(history) == [("lead", "2026-01-05"), ("offer", "2026-01-20"), ("won", "2026-02-01")]
    assert history.records.keeps_file_order
    assert list(history.records.moves["row"]) == [2, 2, 2]


def test_dates_out_of_order_keep_the_order_of_the_stages(stages):
    history = read_deals(table("A 2026-01-25 2026-01-20 . . north"), stages=stages, as_of="2026-03-31")
    assert places(history) == [("lead", "2026-01-25"), ("offer", "2026-01-20")]
    assert "date out of order" in set(history.issues["rule"])


def test_lost_then_won_is_told_by_the_dates(stages):
    history = read_deals(table("A 2026-01-05 . 2026-03-30 2026-02-09 n"), stages=stages, as_of="2026-03-31")
    assert places(history)[1:] == [("lost", "2026-02-09"), ("won", "2026-03-30")]
    assert list(history.deals["outcome"]) == ["won"]


def test_won_and_lost_on_one_day_is_a_fault_with_its_row(stages):
    wide = table("A 2026-01-05 . . . n", "B 2026-01-05 . 2026-02-09 2026-02-09 n")
    with pytest.raises(DataError, match="deals frame, row 3, column 'stage', value 'lost'"):
        read_deals(wide, stages=stages, as_of="2026-03-31")


def test_a_bad_date_names_its_column(stages):
    with pytest.raises(DataError, match="row 2, column 'Quote', value 'soon'"):
        read_deals(table("A 2026-01-05 soon . . n"), stages=stages, as_of="2026-03-31")


def test_deals_without_a_stage_date_enter_when_created(stages):
    wide = table("A . . . . n", "B . . 2026-02-01 . n").assign(created_at="2026-01-03")
    history = read_deals(wide, stages=stages, as_of="2026-03-31")
    assert places(history) == [("lead", "2026-01-03"), ("lead", "2026-01-03"), ("won", "2026-02-01")]


def test_stage_columns_are_no_attributes(stages):
    history = read_deals(table("A 2026-01-05 . . . north"), stages=stages, as_of="2026-03-31")
    assert list(history.records.deals.columns) == ["deal_id", "amount", "region"]


def test_stages_are_guessed_from_columns_of_dates_with_a_warning():
    wide = table("A 2026-01-05 2026-01-20 2026-02-01 . north", "B 2026-01-06 . . 2026-01-09 south")
    with pytest.warns(InferredStagesWarning, match="lead > Quote, ending in 'won', 'lost'"):
        history = read_deals(wide, as_of="2026-03-31")
    assert list(history.deals["outcome"]) == ["won", "lost"]


def test_an_attribute_called_like_a_stage_makes_no_wide_table(write):
    stages = write("stages.toml", '[[stage]]\nname = "lead"\n')
    deals = pd.DataFrame(
        {"deal_id": ["A"], "created_at": ["2026-01-05"], "outcome": ["open"], "lead": ["Ms Li"]}
    )
    history = read_deals(deals, stages=stages, as_of="2026-03-31")
    assert list(history.records.deals["lead"]) == ["Ms Li"]


def test_date_columns_that_are_not_read_as_stages_are_noted_with_the_way_out():
    deals = pd.DataFrame(
        {
            "deal_id": ["A", "B"],
            "created_at": "2026-01-05",
            "outcome": "open",
            "demo": ["2026-01-20", ""],
            "proposal": ["2026-02-01", "2026-02-03"],
            "region": "north",
        }
    )
    noted = read_deals(deals.assign(amount=1), as_of="2026-03-31").intake_issues
    assert list(noted["rule"]) == ["dates not read"]
    assert "columns 'demo', 'proposal' hold dates" in noted["message"][0]
    assert "give stages= with stages (or aliases) called like these columns" in noted["message"][0]
    one = deals.drop(columns="demo").assign(amount=1)  # such as the day of the next step
    assert not len(read_deals(one, as_of="2026-03-31").intake_issues)


def test_a_slip_in_a_guessed_stage_is_a_fault_and_no_reason_to_pass_over_the_column():
    wide = table(*(f"{name} 2026-01-05 2026-01-20 2026-02-01 . n" for name in "ABCD"))
    wide.loc[2, "Quote"] = "soon"
    with (
        pytest.warns(InferredStagesWarning, match="lead > Quote"),
        pytest.raises(DataError, match="row 4, column 'Quote', value 'soon'"),
    ):
        read_deals(wide.iloc[[0, 1, 2, 3, 3]].assign(deal_id=list("ABCDE")), as_of="2026-03-31")
