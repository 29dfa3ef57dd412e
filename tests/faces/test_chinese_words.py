"""Words of Chinese pictures: amounts, lines that end where words do, sentences that are seldom needed."""

from __future__ import annotations

import re

import pytest

import funnelsim as fs
from funnelsim.faces.plots import style
from funnelsim.vocabulary.language import missed_texts, tr


@pytest.mark.parametrize(
    ("amount", "unit", "told"),
    [
        (950, "CNY", "950 元"),
        (9_500, "元", "9,500 元"),
        (88_000, "CNY", "8.80 万元"),
        (5_194_575, "EUR", "519 万欧元"),
        (5_194_575, "CHF", "519 万 CHF"),
        (123_456_789, "元", "1.23 亿元"),
        (2.5e11, "", "2,500 亿"),
    ],
)
def test_amounts_read_in_ten_thousands(amount: float, unit: str, told: str) -> None:
    with fs.use_language("zh"):
        scale = style.Scale.of(amount, unit)
        assert scale.text(amount) == told
        if unit:
            assert scale.axis("bookings") == f"签约额（{told.split(' ', 1)[1]}）"


def test_counts_of_wins_are_counted_in_orders() -> None:
    with fs.use_language("zh"):
        scale = style.Scale.of(12_345, "wins", is_count=True)
        assert scale.text(12_345) == "12,345 单"


def test_lines_of_chinese_end_where_words_do() -> None:
    """Marks do not begin a line, a number stays with what it counts, and halves are about as long."""
    text = "工作请求平均等待 1.0 ± 0.1 天，工时占用 84 %。"
    lines = style.wrap(text, 32, 3).split("\n")
    assert lines == ["工作请求平均等待 1.0 ± 0.1 天，", "工时占用 84 %。"]
    for width in range(14, 40):
        for line in style.wrap(text, width, 9).split("\n"):
            assert line[:1] not in "，。"
            assert not line.endswith(("84", "0.1"))


RARE = (  # of branches that the records of the other tests do not reach
    "moved: faster since about 2025-03",
    "moved: fewer since about 2025-03",
    "1.4 times (1.2 to 1.6)",
    "One change after 2025-03-01 (2025-02-01 to 2025-04-01), from 0.8 to 1.2 times the usual; adjusted "
    "p-value 0.001.",
    "follows about the last 12 weeks, swings by 8 % from week to week",
    "weibull + never leaves, best of the families, fits",
    "cannot tell: too few exits, or as many bins as parameters",
    "chance below 0.05 %",
    "reached in all 10,000 futures",
    "reached in none of 10,000 futures",
    "3 more won",
    "2 more later stages",
    "the largest 40 of 44",
    "12 of 30 levers",
    "24 of 200 stages",
    "the 12 stages with most exits, of 200",
    "no hours at all",
    "No open deals",
    "the 80 % range held 82 %",
    "Won amounts: tail heavier than log-normal",
    "above, if known when deals began",
)


@pytest.mark.parametrize("text", RARE)
def test_rare_sentences_are_known(text: str) -> None:
    with fs.use_language("zh"), missed_texts() as missed:
        assert not re.search("[A-Za-z]{2,}", tr(text).replace("p 值", ""))
    assert not missed
