"""The sets of the shared folder, against the counts their publishers and READMEs give."""

from pathlib import Path

import pandas as pd
import pytest

from funnelsim.intake.deals import read_deals
from funnelsim.intake.findings import DataError
from funnelsim.intake.infer import InferredStagesWarning

CASES = Path(__file__).parents[1] / "cases"


def kinds(history) -> dict[str, int]:
    return history.deals["outcome"].value_counts().to_dict()


def test_bpic2012(shared):
    folder = shared("data/bpic2012_loans")
    history = read_deals(
        folder / "deals.parquet", folder / "stage_history.parquet", stages=CASES / "bpic2012.toml"
    )
    assert kinds(history) == {"lost": 10442, "won": 2246, "open": 399}
    assert history.deals["place"].value_counts()["lost_declined"] == 7635
    assert len(history.records.moves) == 47092
    assert history.deals["amount"].median() == 10000
    # days of Amsterdam: the first application arrived at 22:38 UTC on 2011-09-30
    assert str(history.deals["created_at"].min().date()) == "2011-10-01"
    assert str(history.arrivals_until.astype("datetime64[D]")) == "2012-02-29"
    assert history.window_start is None
    assert set(history.intake_issues["rule"]) == {"arrivals_until"}


def test_bpic2012_without_its_stages_file(shared):
    folder = shared("data/bpic2012_loans")
    with pytest.warns(
        InferredStagesWarning, match="submitted > preaccepted > accepted > offer_sent > offer_returned"
    ):
        history = read_deals(folder / "deals.parquet", folder / "stage_history.parquet")
    assert kinds(history) == {"lost": 10442, "won": 2246, "open": 399}


def test_repd(shared):
    folder = shared("data/uk_repd_2021")
    history = read_deals(
        folder / "projects.parquet", folder / "stage_history.parquet", stages=CASES / "repd.toml"
    )
    left_out = history.intake_issues[history.intake_issues["level"] == "left out"]
    assert list(left_out["rule"]) == ["no date"] * 9
    assert history.n_deals == 6461 - 9
    # of 393 abandoned projects 7 have no date, 3 have withdrawn in their history (one was granted after
    # that) and 1 was operational before: 382 are dated by the rule
    rules = history.intake_issues["rule"].value_counts()
    assert rules["lost without a date"] == 382
    assert rules["outcome after the ending"] == 1
    assert len(history.records.moves) == 18036 + 382
    assert (history.unit, str(history.window_start)[:10], str(history.cutoff)[:10]) == (
        "MW",
        "2000-01-01",
        "2021-06-30",
    )


def test_repd_until_the_first_grant(shared):
    """Won are those that were granted, built or operated before anything on record had ended them."""
    folder = shared("data/uk_repd_2021")
    moves = pd.read_parquet(folder / "stage_history.parquet")
    history = read_deals(folder / "projects.parquet", moves, stages=CASES / "repd_grant.toml")
    stage = moves["stage"].astype(str)
    moves = moves.assign(is_won=stage.isin(["granted", "under_construction", "won"]))
    ends = moves[moves["is_won"] | stage.str.startswith("lost_")].sort_values(["ref_id", "seq"])
    first = ends.drop_duplicates("ref_id").set_index("ref_id")
    expected = first.loc[first["is_won"], "entered_at"].sort_index()
    won = history.deals[history.deals["outcome"] == "won"]
    granted_at = won.set_index(won["deal_id"].astype(int))["closed_at"].sort_index()
    assert granted_at.to_dict() == expected.to_dict()


def test_maven(shared):
    folder = shared("data/maven_crm")
    pipeline = pd.read_csv(folder / "sales_pipeline.csv.gz")
    prices = pd.read_csv(folder / "products.csv").set_index("product")["sales_price"]
    listed = pipeline["product"].replace("GTXPro", "GTX Pro").map(prices)
    pipeline["amount"] = pipeline["close_value"].where(pipeline["deal_stage"] == "Won", listed)
    history = read_deals(pipeline, stages=CASES / "maven.toml")
    assert kinds(history) == {"won": 4238, "lost": 2473, "open": 1589}
    assert history.intake_issues["rule"].value_counts().to_dict() == {"no date": 500, "arrivals_until": 1}
    assert history.deals.loc[history.deals["outcome"] == "won", "amount"].sum() == pytest.approx(
        10.0e6, rel=0.01
    )


def test_maven_detects_that_it_was_cut_by_closing_date(shared):
    history = read_deals(
        shared("data/maven_crm") / "sales_pipeline.csv.gz",
        columns={
            "deal_id": "opportunity_id",
            "created_at": "engage_date",
            "closed_at": "close_date",
            "stage": "deal_stage",
            "amount": "close_value",
        },
        outcome_values={"Engaging": "open", "Prospecting": "open"},
    )
    assert str(history.window_start.astype("datetime64[D]")) == "2017-03-01"


def test_olist(shared):
    folder = shared("data/olist_funnel")
    leads = pd.read_csv(folder / "olist_marketing_qualified_leads_dataset.csv.gz")
    closed = pd.read_csv(folder / "olist_closed_deals_dataset.csv.gz")
    history = read_deals(leads.merge(closed[["mql_id", "won_date"]], how="left"), stages=CASES / "olist.toml")
    assert kinds(history) == {"open": 7158, "won": 842}
    assert str(history.arrivals_until.astype("datetime64[D]")) == "2018-05-31"
    assert list(history.issues["rule"]).count("date out of order") == 1


def test_wide_sample(shared):
    path = shared("fixtures/crm/generic") / "wide_first_entry.csv"
    order = "qualification > proposal > negotiation, ending in 'closed_won', 'closed_lost'"
    with pytest.warns(InferredStagesWarning, match=order):
        history = read_deals(path, columns={"created_at": "created"}, as_of="2026-04-01")
    expected = pd.read_csv(shared("fixtures/crm/expected") / "deals.csv")
    assert list(history.deals["outcome"]) == list(expected["status"])


ZH = {
    "deal_id": "商机编号",
    "amount": "商机金额（万元）",
    "stage": "销售阶段",
    "outcome": "商机状态",
    "created_at": "创建时间",
}


@pytest.mark.filterwarnings("ignore::funnelsim.intake.infer.InferredStagesWarning")
def test_chinese_samples(shared):
    folder = shared("fixtures/crm/generic_zh")
    history = read_deals(
        folder / "商机导出_gb18030.csv",
        folder / "阶段变更记录_utf8bom.csv",
        columns=ZH,
        history_columns={"deal_id": "商机编号", "stage": "新阶段", "entered_at": "变更时间"},
        tz="Asia/Shanghai",
        rates={"¥": 1e4, "EUR": 8e4},
        unit="CNY",
    )
    expected = pd.read_csv(shared("fixtures/crm/expected") / "deals.csv")
    assert list(history.deals["outcome"]) == list(expected["status"])
    assert history.deals["amount"].fillna(0).tolist() == [110e3, 56e3, 200e3, 75e3, 0, 640e3, 33e3, 15e3]
    left_out = history.intake_issues[history.intake_issues["level"] == "left out"]
    assert list(left_out["deal_id"]) == ["合计"]  # the row with the total
    assert [stage.name for stage in history.stages.open] == ["初步接洽", "方案报价", "商务谈判"]


@pytest.mark.filterwarnings("ignore::funnelsim.intake.infer.InferredStagesWarning")
def test_native_export_with_two_digit_years(shared):
    folder = shared("data/salesforce_format_sample")
    files = (folder / "Opportunity.csv", folder / "OpportunityHistory.csv")
    columns = {
        "deal_id": "Id",
        "created_at": "CreatedDate",
        "stage": "StageName",
        "updated_at": "LastModifiedDate",
    }
    columns["Expected close"] = "CloseDate"  # not the date of an ending
    moves = {"deal_id": "OpportunityId", "stage": "StageName", "entered_at": "CreatedDate"}
    with pytest.raises(DataError, match=r"value '02/23/26 08:55 PM': a year of two digits.*date_format="):
        read_deals(*files, columns=columns, history_columns=moves)
    history = read_deals(*files, columns=columns, history_columns=moves, date_format="%m/%d/%y", tz="UTC")
    assert history.n_deals == 36
    assert "Expected close" in history.records.deals
