import pandas as pd
import pytest

from funnelsim.intake.deals import read_deals
from funnelsim.intake.infer import InferredStagesWarning

# Mean places of the first entries: lead (0 + 0 + 0 + 2 + 0) / 5, demo (1 + 0) / 2, offer (2 + 1 + 1) / 3.
PATHS = {
    "A": ["lead", "demo", "offer", "Closed Won"],
    "B": ["lead", "offer", "输单"],
    "C": ["lead"],
    "D": ["demo", "offer", "lead"],
    "E": ["lead"],
}


def moves_of(*deals: str) -> pd.DataFrame:
    rows = [(deal, stage, f"2026-01-{10 + day}") for deal in deals for day, stage in enumerate(PATHS[deal])]
    return pd.DataFrame(rows[::-1], columns=["deal_id", "stage", "entered_at"])


def test_stages_are_ordered_by_their_mean_place_and_that_is_said():
    with pytest.warns(
        InferredStagesWarning, match="lead > demo > offer, ending in 'Closed Won', '输单'"
    ) as caught:
        history = read_deals(pd.DataFrame({"deal_id": list(PATHS)}), moves_of(*PATHS), as_of="2026-02-28")
    assert caught[0].filename == __file__
    assert [stage.name for stage in history.stages.open] == ["lead", "demo", "offer"]
    assert [(outcome.name, outcome.kind) for outcome in history.stages.outcomes] == [
        ("Closed Won", "won"),
        ("输单", "lost"),
    ]
    assert list(history.deals["outcome"]) == ["won", "lost", "open", "open", "open"]
    note = history.intake_issues.iloc[0]
    assert (note["level"], note["rule"]) == ("note", "stages inferred")
    assert "lead > demo > offer" in note["message"]


def test_outcomes_of_the_deals_table_are_understood_without_a_stages_file():
    moves = moves_of("C")
    deals = pd.DataFrame({"deal_id": ["C"], "outcome": ["赢单"], "closed_at": ["2026-02-01"]})
    with pytest.warns(InferredStagesWarning, match="ending in 'won', 'lost'"):
        history = read_deals(deals, moves, as_of="2026-02-28")
    assert list(history.deals["outcome"]) == ["won"]


def test_a_deals_table_alone_needs_no_guess():
    deals = pd.DataFrame(
        {
            "deal_id": ["A"],
            "created_at": ["2026-01-05"],
            "outcome": ["Closed Lost"],
            "closed_at": ["2026-02-01"],
        }
    )
    history = read_deals(deals, as_of="2026-02-28")
    assert history.stages.names == ("open", "won", "lost")
    assert list(history.deals["outcome"]) == ["lost"]


def read_places(places: list[str]):
    """A deal for each place, entered on the day after lead, with no stages given."""
    n = len(places)
    deals = pd.DataFrame({"deal_id": range(n)})
    moves = pd.DataFrame(
        {
            "deal_id": [*range(n), *range(n)],
            "stage": ["lead"] * n + places,
            "entered_at": ["2026-01-05"] * n + ["2026-01-06"] * n,
        }
    )
    with pytest.warns(InferredStagesWarning):
        return read_deals(deals, moves, as_of="2026-02-28")


@pytest.mark.parametrize("spelling", ["proposal", " Proposal ", "Pro posal", "Ｐｒｏｐｏｓａｌ", "pro-posal"])
def test_spellings_of_one_stage_are_one_stage_and_that_is_noted(spelling):
    history = read_places(["Proposal", "Proposal", spelling])
    assert [stage.name for stage in history.stages.open] == ["lead", "Proposal"]
    assert list(history.deals["place"]) == ["Proposal"] * 3
    noted = history.intake_issues[history.intake_issues["rule"] == "spelling of a stage"]
    if spelling.strip() != "Proposal":
        assert list(noted["value"]) == [1]
        assert f"{spelling!r} is read as the stage 'Proposal'" in noted["message"].iloc[0]
    else:
        assert not len(noted)


def test_spellings_of_an_outcome_are_one_outcome():
    history = read_places(["Closed Won", "Closed Won", "CLOSED WON", "closed_won"])
    assert history.stages.names == ("lead", "Closed Won", "lost")


def test_a_rare_name_near_a_common_one_is_noted_as_a_probable_slip():
    history = read_places(["Proposal"] * 200 + ["Propsal"])
    noted = history.intake_issues[history.intake_issues["rule"] == "rare stage"].iloc[0]
    assert (noted["level"], noted["column"], noted["value"]) == ("note", "stage", 1)
    assert "'Propsal' is a stage of its own in few rows; did you mean 'Proposal'?" in noted["message"]


@pytest.mark.parametrize(
    "places",
    [
        ["Proposal"] * 19 + ["Propsal"],
        ["Proposal"] * 200 + ["Demo"],
        ["review phase 1"] * 200 + ["review phase 2"],
    ],
    ids=["not so rare", "not near", "numbered"],
)
def test_a_stage_of_its_own_is_no_slip(places):
    assert "rare stage" not in set(read_places(places).intake_issues["rule"])
