import pandas as pd
import pytest

from funnelsim.intake.deals import read_deals
from funnelsim.intake.infer import InferredStagesWarning

# A goes lead, demo, offer; B goes lead, offer (skipping demo), and C starts at demo:
# mean places lead 0, demo (1 + 0) / 2, offer (2 + 1) / 2.
MOVES = [
    ("A", "lead", "2026-01-05"),
    ("A", "demo", "2026-01-09"),
    ("A", "offer", "2026-01-20"),
    ("A", "Closed Won", "2026-02-01"),
    ("B", "offer", "2026-01-12"),
    ("B", "lead", "2026-01-07"),
    ("B", "输单", "2026-01-30"),
    ("C", "demo", "2026-01-08"),
]


def test_stages_are_ordered_by_their_mean_place_and_that_is_said():
    moves = pd.DataFrame(MOVES, columns=["deal_id", "stage", "entered_at"])
    with pytest.warns(
        InferredStagesWarning, match="lead > demo > offer, ending in 'Closed Won', '输单'"
    ) as caught:
        history = read_deals(pd.DataFrame({"deal_id": ["A", "B", "C"]}), moves, as_of="2026-02-28")
    assert caught[0].filename == __file__
    assert [stage.name for stage in history.stages.open] == ["lead", "demo", "offer"]
    assert [(outcome.name, outcome.kind) for outcome in history.stages.outcomes] == [
        ("Closed Won", "won"),
        ("输单", "lost"),
    ]
    assert list(history.deals["outcome"]) == ["won", "lost", "open"]
    note = history.intake_issues.iloc[0]
    assert (note["level"], note["rule"]) == ("note", "stages inferred")
    assert "lead > demo > offer" in note["message"]


def test_outcomes_of_the_deals_table_are_understood_without_a_stages_file():
    moves = pd.DataFrame(MOVES[:3], columns=["deal_id", "stage", "entered_at"])
    deals = pd.DataFrame({"deal_id": ["A"], "outcome": ["赢单"], "closed_at": ["2026-02-01"]})
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
