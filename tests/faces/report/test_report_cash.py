"""A report of cash: what is realised, unpaid and overdue is that of the invoices, in every kind of file."""

from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

import funnelsim as fs

# Paid in the quarter, before the cutoff; unpaid for long; unpaid of late; paid in the quarter before.
INVOICES = pd.DataFrame(
    {
        "invoice_id": ["A", "B", "C", "D"],
        "invoiced_at": ["2026-06-10", "2026-05-20", "2026-08-20", "2026-04-02"],
        "due_at": ["2026-07-10", "2026-06-20", "2026-09-20", "2026-05-02"],
        "paid_at": ["2026-07-20", "", "", "2026-05-05"],
        "amount": [100_000, 30_000, 50_000, 70_000],
    }
)


def text_of(page: Path) -> str:
    """The page, with no-break spaces as any other: where its lines end is not what is tested."""
    return page.read_text(encoding="utf-8").replace("\xa0", " ")


@pytest.fixture(scope="module")
def case() -> tuple[fs.Funnel, fs.Pipeline, fs.Forecast]:
    history = fs.simulate_history(seed=0)
    invoices = fs.read_invoices(INVOICES, as_of="2026-08-31")
    funnel = fs.fit(history)
    funnel = funnel.with_collections(fs.Collections.by_hand(terms_days=30, clock=funnel.clock))
    position = history.pipeline().with_invoices(invoices)
    outlook = fs.forecast(
        funnel, position, measure="cash", target=4_000_000, engine=fs.MonteCarlo(n_futures=200, n_draws=4)
    )
    return funnel, position, outlook


def page_of(case: tuple[fs.Funnel, fs.Pipeline, fs.Forecast], path: Path) -> str:
    funnel, position, outlook = case
    comparison = fs.compare_levers(
        funnel, position, levers=[fs.Volume(1.1)], measure="cash", target=4_000_000,
        engine=fs.MonteCarlo(n_futures=200, n_draws=4),
    )  # fmt: skip
    return html.unescape(text_of(fs.write_report(path, outlook, funnel, comparison=comparison)))


def test_the_page_tells_what_is_paid_unpaid_and_late(
    case: tuple[fs.Funnel, fs.Pipeline, fs.Forecast], tmp_path: Path
) -> None:
    text = page_of(case, tmp_path / "c.html")
    assert "Of that 100,000 EUR are realised already." in text
    assert re.search(r"realised at the cutoff[^<]*<", text)
    # The fan begins at what was paid, not at what was won.
    assert "100 k EUR are realised at the cutoff" in text or "0.10 M EUR are realised at the cutoff" in text
    assert "Unpaid at 2026-08-31: 80,000 EUR in 2 invoices; more than 30 days late: 30,000 EUR." in text
    assert "Of 2026-Q3 only what lies after 2026-08-31 is shown here as invoiced and paid." in text


def test_without_invoices_the_first_screen_says_what_is_not_counted(
    case: tuple[fs.Funnel, fs.Pipeline, fs.Forecast], tmp_path: Path
) -> None:
    """Two of the quarter's three months are over: without them its cash is that of one."""
    funnel, _, known = case
    position, engine = fs.simulate_history(seed=0).pipeline(), fs.MonteCarlo(n_futures=200, n_draws=4)
    said = "What was paid up to 2026-08-31 is not known and not counted."
    for periods, is_said in (("2Q", True), (["2026-09-01", "2027-01-01"], False)):
        outlook = fs.forecast(funnel, position, periods=periods, measure="cash", engine=engine)
        text = text_of(fs.write_report(tmp_path / f"{is_said}.html", outlook, funnel))
        assert (said in text[: text.index('id="periods"')]) == is_said
    assert said not in text_of(fs.write_report(tmp_path / "known.html", known, funnel))


def test_the_headline_says_that_the_ranges_checked_are_those_of_bookings(
    case: tuple[fs.Funnel, fs.Pipeline, fs.Forecast], tmp_path: Path
) -> None:
    """No past payments are checked: a headline that is quoted alone must not seem to be about them."""
    funnel, _, outlook = case
    test = fs.backtest(fs.simulate_history(seed=0), periods="1Q", origins=2, n_draws=4, n_futures=50)
    path = fs.write_report(tmp_path / "b.html", outlook, funnel, test=test)
    assert re.search(r'<p class="figure">\d of 2 ranges of bookings held</p>', path.read_text("utf-8"))
    path = fs.write_report(tmp_path / "b.xlsx", outlook, funnel, test=test)
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Answer").to_python()
    assert "Have 80 % ranges of bookings held in the past?" in {row[0] for row in rows}


def test_the_workbook_has_a_sheet_of_cash(
    case: tuple[fs.Funnel, fs.Pipeline, fs.Forecast], tmp_path: Path
) -> None:
    funnel, _, outlook = case
    path = fs.write_report(tmp_path / "c.xlsx", outlook, funnel)
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Cash").to_python()
    head = next(i for i, row in enumerate(rows) if row[0] == "period")
    assert rows[head][4:7] == ["paid P10", "paid P50", "paid P90"]
    table = outlook.receivables()
    for i, label in enumerate(outlook.periods.labels):
        told = rows[head + 1 + i]
        assert told[0] == label
        expected = [table[part, q].iloc[i] for part in ("invoiced", "paid", "open", "overdue30")
                    for q in ("p10", "p50", "p90")]  # fmt: skip
        assert np.allclose(told[1:13], expected)


def test_no_sheet_of_cash_without_cash(tmp_path: Path) -> None:
    scenario = fs.read_scenario("account_selling")
    outlook = fs.forecast(scenario.funnel, scenario.pipeline, engine=fs.Exact(n_draws=4))
    path = fs.write_report(tmp_path / "b.xlsx", outlook, scenario.funnel)
    assert "Cash" not in CalamineWorkbook.from_path(str(path)).sheet_names
