"""Files with Chinese titles: suggested as one list of options, never passed over without a word."""

import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.faces.cli.failures import as_options
from funnelsim.intake.findings import DataError
from funnelsim.nouns.history import DealHistory
from funnelsim.vocabulary.words import kind_of

DEALS = pd.DataFrame(
    [
        ("S1", "2026-01-05", "120000", "赢单", "2026-02-20", "华东"),
        ("S2", "2026-01-08", "56000", "输单", "2026-02-25", "华南"),
        ("S3", "2026-01-12", "200000", "赢单", "2026-03-30", "华东"),
        ("S4", "2026-01-15", "75000", "在手", "", "华南"),
    ],
    columns=["商机编号", "创建日期", "金额", "结果", "结束日期", "区域"],
)
MOVES = pd.DataFrame(
    [("S1", "接洽", "2026-01-05"), ("S2", "接洽", "2026-01-08"), ("S2", "报价", "2026-02-01")],
    columns=["商机编号", "阶段", "进入日期"],
)
COLUMNS = {
    "deal_id": "商机编号",
    "created_at": "创建日期",
    "amount": "金额",
    "outcome": "结果",
    "closed_at": "结束日期",
}
HISTORY_COLUMNS = {"deal_id": "商机编号", "stage": "阶段", "entered_at": "进入日期"}
STAGES = fs.Stages((fs.Stage("接洽"), fs.Stage("报价")))


def read(**options: object) -> DealHistory:
    return fs.read_deals(DEALS, MOVES, stages=STAGES, as_of="2026-03-31", **options)


def refusal(**options: object) -> str:
    with pytest.raises(DataError) as error:
        read(**options)
    return as_options(str(error.value))


def test_what_is_suggested_for_both_tables_at_once_reads_them():
    message = refusal()
    for option, mapping in (("--column", COLUMNS), ("--history-column", HISTORY_COLUMNS)):
        assert " ".join(f"{option} {name}={title}" for name, title in mapping.items()) in message
    history = read(columns=COLUMNS, history_columns=HISTORY_COLUMNS)
    assert list(history.deals["place"]) == ["won", "lost", "won", "接洽"]
    assert list(history.deals["区域"]) == ["华东", "华南", "华东", "华南"]


def test_what_was_named_already_is_not_suggested_and_the_rest_is_not_passed_over():
    named = {name: COLUMNS[name] for name in ("deal_id", "created_at", "amount")}
    message = refusal(columns=named, history_columns=HISTORY_COLUMNS)
    assert "with --column outcome=结果 --column closed_at=结束日期, or keep one as an attribute" in message
    kept = {"结果": "结果", "结束日期": "结束日期"}
    history = read(columns=named | kept, history_columns=HISTORY_COLUMNS)
    assert set(history.deals["place"]) == {"接洽", "报价"}


def test_the_new_stage_of_a_log_is_meant_and_units_do_not_matter():
    moves = MOVES.rename(columns={"阶段": "新阶段", "进入日期": "变更时间"}).assign(原阶段="")
    deals = DEALS.rename(columns={"金额": "商机金额（万元）"})
    with pytest.raises(DataError) as error:
        fs.read_deals(deals, moves)
    assert "'stage': '新阶段', 'entered_at': '变更时间'}" in str(error.value)
    assert "'amount': '商机金额（万元）'" in str(error.value)


def test_where_nothing_tells_of_endings_the_columns_that_may_are_named():
    deals = pd.DataFrame({"deal_id": ["A"], "created_at": ["2026-01-05"], "Result": ["won"]})
    moves = pd.DataFrame({"deal_id": ["A"], "stage": ["接洽"], "entered_at": ["2026-01-05"]})
    (note,) = fs.read_deals(deals, moves, stages=STAGES).intake_issues.query("rule == 'no endings'")[
        "message"
    ]
    assert (
        "if one of the columns 'Result' says how deals ended, name it with columns={'outcome': ...}" in note
    )
    ended = moves.assign(stage="won")
    found = fs.read_deals(deals, ended, stages=STAGES).intake_issues
    assert "no endings" not in set(found["rule"])


@pytest.mark.parametrize("word", ["在手", "进行中", "跟进中", "open"])
def test_words_that_mean_open(word):
    assert kind_of(word) == "open"


def test_an_unknown_outcome_is_not_told_that_it_may_be_a_stage():
    deals = DEALS.assign(结果="搁置")
    with pytest.raises(DataError, match="no such outcome; known are 'open', 'won', 'lost'"):
        fs.read_deals(deals, MOVES, stages=STAGES, columns=COLUMNS, history_columns=HISTORY_COLUMNS)
