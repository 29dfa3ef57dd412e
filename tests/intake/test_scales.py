"""Scales in titles: amounts are multiplied and listed; in units they are refused."""

import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.faces.cli.failures import as_options
from funnelsim.intake.findings import DataError
from funnelsim.intake.reading import ReadingError
from funnelsim.vocabulary.errors import english
from funnelsim.vocabulary.scales import scale_of


@pytest.mark.parametrize(
    ("title", "factor"),
    [
        ("商机金额（万元）", 1e4),
        ("金额(万)", 1e4),
        ("金额（单位：万美元）", 1e4),
        ("合同额/亿元", 1e8),
        ("金额（千元）", 1e3),
        ("金额（百万元）", 1e6),
        ("金额（分）", 0.01),
        ("Amount (k EUR)", 1e3),
        ("Amount (thousands)", 1e3),
        ("Amount ($000)", 1e3),
        ("K€", 1e3),
        ("TEUR", 1e3),
        ("Value in millions", 1e6),
        ("EUR mn", 1e6),
        ("$M", 1e6),
        ("amount_bn", 1e9),
    ],
)
def test_titles_state_a_scale(title, factor):
    assert scale_of(title) == factor


@pytest.mark.parametrize(
    "title",
    [
        "amount",
        "金额（元）",
        "万科合同额",
        "千禧项目金额",
        "赢率百分比",
        "Market value",
        "Cost per 1,000",
        "kr",
    ],
)
def test_other_titles_state_none(title):
    assert scale_of(title) == 1.0


def read(title: str, amounts: list[object], **options: object) -> fs.DealHistory:
    deals = pd.DataFrame(
        {
            "deal_id": ["A", "B", "C"],
            "created_at": "2026-01-05",
            "outcome": ["won", "lost", "open"],
            "closed_at": ["2026-02-05", "2026-02-06", ""],
            title: amounts,
        }
    )
    return fs.read_deals(deals, columns={"amount": title}, as_of="2026-03-31", **options)


@pytest.mark.parametrize("amounts", [["¥11.00", "5.60", ""], [11.0, 5.6, None]])
def test_amounts_in_ten_thousands_are_multiplied_and_listed(amounts):
    history = read("商机金额（万元）", amounts, unit="CNY")
    assert list(history.deals["amount"][:2]) == pytest.approx([110_000, 56_000])
    assert history.deals["amount"].isna()[2]
    (found,) = history.issue_summary().query("rule == 'scale of amounts'").to_dict("records")
    assert (found["count"], found["level"], found["example_deal"]) == (2, "repaired", "A")
    assert "multiplied by 10,000, as the title '商机金额（万元）' says" in found["message"]


def test_rates_hold_for_amounts_that_were_multiplied():
    history = read("金额（万元）", ["¥3", "€8.00", ""], unit="CNY", rates={"EUR": 7.8})
    assert list(history.deals["amount"][:2]) == pytest.approx([30_000, 624_000])


@pytest.mark.parametrize(
    ("rates", "unit"),
    [({"¥": 1e4, "EUR": 7.8e4}, "CNY"), ({"CNY": 1e4, "EUR": 7.8e4}, "CNY"), ({"¥": 1e4, "€": 7.8e4}, None)],
)
def test_a_scale_that_the_rates_hold_is_counted_once(rates, unit):
    sign = "CNY" if "CNY" in rates else "¥"
    history = read("金额（万元）", [f"{sign}3", "€8.00", ""], unit=unit, rates=rates)
    assert list(history.deals["amount"][:2]) == pytest.approx([30_000, 624_000])
    (found,) = history.issue_summary().query("rule == 'scale of amounts'").to_dict("records")
    assert found["level"] == "note"
    assert "as the rates do already" in found["message"]


def test_amounts_too_large_once_multiplied_are_faults():
    with pytest.raises(DataError, match="an amount beyond 1e15"):
        read("金额（亿元）", ["2e8", "1", "1"])


def test_amounts_of_the_history_and_of_invoices_are_multiplied_too():
    deals = pd.DataFrame({"deal_id": ["A"], "created_at": ["2026-01-05"]})
    moves = pd.DataFrame(
        {"deal_id": ["A"], "stage": ["lead"], "entered_at": ["2026-01-05"], "金额（千元）": ["12"]}
    )
    history = fs.read_deals(
        deals, moves, stages=fs.Stages((fs.Stage("lead"),)), history_columns={"amount": "金额（千元）"}
    )
    assert history.deals["amount"][0] == 12_000
    invoices = pd.DataFrame({"invoice_id": ["1"], "invoiced_at": ["2026-01-05"], "Amount (k EUR)": [2.5]})
    read_in = fs.read_invoices(invoices, columns={"amount": "Amount (k EUR)"}, as_of="2026-03-31")
    assert read_in.table["amount"][0] == 2_500


@pytest.mark.parametrize("unit", ["万元", "k EUR", "kEUR", "EUR mn"])
def test_units_with_a_scale_are_refused(unit):
    with pytest.raises(ReadingError, match=f"unit='{unit}' holds a scale; name the currency alone"):
        read("amount", [1, 2, 3], unit=unit)


def test_both_are_told_in_chinese():
    with fs.use_language("zh"):
        message = read("金额（万元）", [1, 2, 3]).issue_summary()["message"]
        assert "金额已乘以 10,000，依据列名 '金额（万元）'；若金额本来就写到元，请修改列名" in {
            fs.vocabulary.language.tr(text) for text in message
        }
        with pytest.raises(ReadingError) as error:
            read("amount", [1, 2, 3], unit="万元")
        assert str(error.value).startswith("unit='万元' 含有倍数；请只写币种，如 'CNY' 或 'EUR'")
        told = fs.vocabulary.language.tr("Error: " + as_options(english(error.value)))
        assert told.startswith('错误：--unit "万元" 含有倍数；请只写币种')
