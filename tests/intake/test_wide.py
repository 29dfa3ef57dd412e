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
