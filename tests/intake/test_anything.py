"""Whatever the files say, the answer is a history, or an error a person can act on."""

import warnings

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funnelsim.intake.deals import read_deals
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.stages import Stages

IDS = [*"ABCDEFGH", "007", "", "-"]
DATES = [
    "2026-01-05",
    "2026-01-20",
    "2026-02-01T10:00",
    "2026-02-01T10:00Z",
    "",
    "3/2/2026",
    "14/2/2026",
    "soon",
    "46000",
]
AMOUNTS = ["1200", "1,234", "", "1.234", "€5.00", "-3", "nan", "3k"]
OUTCOMES = ["open", "won", "lost", "", "Closed Won", "dead"]
PLACES = ["lead", "offer", "won", "lost", "", "ofer"]

DEALS = {
    "deal_id": IDS,
    "created_at": DATES,
    "amount": AMOUNTS,
    "outcome": OUTCOMES,
    "closed_at": DATES,
    "updated_at": DATES,
}
MOVES = {
    "deal_id": IDS,
    "stage": PLACES,
    "entered_at": DATES,
    "recorded_at": DATES,
    "amount": AMOUNTS,
    "seq": ["1", "2", "3", "x"],
}
WIDE = {"deal_id": IDS, "created_at": DATES, "lead": DATES, "offer": DATES, "won": DATES, "lost": DATES}


@st.composite
def tables(draw, pools: dict[str, list[str]]) -> pd.DataFrame:
    """A few rows, with some columns missing at times; what comes first in a pool comes more often."""
    missing = draw(st.just([]) | st.lists(st.sampled_from(list(pools)), max_size=3))
    cells = {title: st.sampled_from(pool[:3] * 5 + pool) for title, pool in pools.items()}
    cells["deal_id"] = st.sampled_from(pools["deal_id"])
    titles = [title for title in pools if title not in missing]
    rows = draw(st.lists(st.tuples(*(cells[title] for title in titles)), min_size=1, max_size=5))
    return pd.DataFrame(rows, columns=titles)


@pytest.mark.filterwarnings("ignore::funnelsim.intake.infer.InferredStagesWarning")
@given(
    deals=tables(DEALS) | tables(WIDE),
    moves=st.none() | tables(MOVES),
    stages=st.sampled_from([None, Stages.named(["lead", "offer"]), Stages.named(["lead"])]),
    tz=st.sampled_from([None, "Asia/Shanghai"]),
    as_of=st.sampled_from([None, "2026-01-31", "2026-03-01"]),
    faulty=st.sampled_from(["refuse", "set aside"]),
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.thorough
def test_a_history_or_an_error_that_can_be_acted_on(deals, moves, stages, tz, as_of, faulty):
    try:
        history = read_deals(deals, moves, stages=stages, tz=tz, as_of=as_of, faulty=faulty)
    except FunnelsimError:
        return
    # nothing is lost silently: every deal is in the history or in the issues
    issues = history.issues
    listed = set(history.records.deals["deal_id"]) | set(issues["deal_id"])
    is_later = (issues["rule"] == "after as_of").any()
    ids = {cell for cell in deals["deal_id"] if cell not in ("", "-")}
    assert ids <= listed or is_later


@given(
    content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode),
    name=st.sampled_from(["d.csv", "d.xlsx", "d.parquet", "d.csv.gz"]),
)
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_bytes_at_all(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)
    with warnings.catch_warnings(), pytest.raises(FunnelsimError):
        read_deals(path)
