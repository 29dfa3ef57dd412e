"""The workbook: figures of the engine, formulas that recompute them, text that stays text."""

from __future__ import annotations

import dataclasses
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from python_calamine import CalamineWorkbook

import funnelsim as fs
from funnelsim.faces.cli import main
from funnelsim.faces.cli.situation import Asked
from funnelsim.faces.plots.style import plain
from funnelsim.faces.report import ReportError
from funnelsim.faces.report.last import last_facts
from funnelsim.faces.report.workbook_cells import address
from funnelsim.faces.report.workbook_looks import number_format
from funnelsim.vocabulary.language import missed_texts

HOSTILE = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "<script>alert(1)</script>", "=cmd|' /C calc'!A0",
    "\u202eevil", "\x00\x1b[2J", "🚀 emoji", "赢单 ＝1", "_x0041_", "http://example.org", "{=1+1}", "'quoted",
]  # fmt: skip
Case = tuple[fs.DealHistory, fs.Funnel, fs.LeverComparison, fs.Backtest]


@pytest.fixture(scope="module")
def case() -> Case:
    history = fs.simulate_history(seed=0)
    funnel = fs.fit(history)
    comparison = fs.compare_levers(
        funnel, history.pipeline(), periods="4Q", target=5_500_000, engine=fs.Exact(n_draws=10)
    )
    test = fs.backtest(history, periods="1Q", origins=4, n_draws=10, n_futures=200)
    return history, funnel, comparison, test


@pytest.fixture(scope="module")
def book(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    history, funnel, comparison, test = case
    path = tmp_path_factory.mktemp("report") / "one.xlsx"
    return fs.write_report(path, comparison.base, funnel, history=history, comparison=comparison, test=test)


def sheets_of(path: Path) -> dict[str, list[list[object]]]:
    """Values of all cells by sheet, from the first cell on."""
    book = CalamineWorkbook.from_path(str(path))
    return {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}


def row_of(rows: list[list[object]], name: str, *, after: str = "") -> list[object]:
    """The row that begins with a name."""
    start = next((i for i, row in enumerate(rows) if row and row[0] == after), 0) if after else 0
    return next(row for row in rows[start:] if row and row[0] == name)


def formulas_of(path: Path) -> Iterator[tuple[str, str]]:
    """Every formula, with the part of the file it stands in."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/"):
                text = archive.read(name).decode("utf-8")
                yield from ((name, found) for found in re.findall(r"<f>(.*?)</f>", text))


def test_the_first_sheet_answers(book: Path, case: Case) -> None:
    rows = sheets_of(book)["Answer"]
    base, test = case[2].base, case[3]
    assert row_of(rows, "Chance to reach 5,500,000 EUR or more")[1] == pytest.approx(base.chance().value)
    p10, p50, p90 = base.quantile([0.1, 0.5, 0.9])
    assert row_of(rows, "Total, low end (P10)")[1] == pytest.approx(p10)
    assert row_of(rows, "Total, median (P50)")[1] == pytest.approx(p50)
    assert row_of(rows, "Total, high end (P90)")[1] == pytest.approx(p90)
    # One mean in every kind of file: that of the page, and not the one recomputed from the rows of deals.
    assert row_of(rows, "Mean: Bookings (EUR)")[1] == pytest.approx(base.mean().value, rel=1e-12)
    assert row_of(rows, "Have 80 % ranges held in the past?")[1] == pytest.approx(test.coverage().value)
    assert row_of(rows, "Since the last report")[2] == "No last report was given to compare with."
    lever = next(str(row[0]) for row in rows if str(row[0]).startswith("The lever to pull first"))
    best = case[2].table().iloc[1:-1]["change_of_chance"].idxmax()
    assert lever == f"The lever to pull first: {best}"


def test_every_deal_is_there_with_its_chance(book: Path, case: Case) -> None:
    rows, base = sheets_of(book)["Open deals"], case[2].base
    head = next(i for i, row in enumerate(rows) if row[0] == "deal")
    frame = pd.DataFrame(rows[head + 1 :], columns=rows[head])
    told = base.by_deal().set_index("deal_id")
    assert sorted(frame["deal"]) == sorted(told.index)
    assert frame["chance within the periods"].to_numpy(float) == pytest.approx(
        told.loc[frame["deal"], "chance"].to_numpy()
    )
    assert frame["expected"].to_numpy(float) == pytest.approx(told.loc[frame["deal"], "expected"].to_numpy())
    assert frame["expected"].is_monotonic_decreasing
    missing = case[0].pipeline().amount
    assert (frame["amount is"] == "mean of won deals").sum() == np.isnan(missing).sum() > 0
    listed = pd.to_numeric(frame["amount listed"], errors="coerce")
    assert listed.sum() == pytest.approx(np.nansum(missing), rel=1e-12)


def test_every_deal_tells_what_hangs_on_it(book: Path, case: Case) -> None:
    (history, funnel, comparison, _), rows = case, sheets_of(book)["Open deals"]
    base = comparison.base
    head = next(i for i, row in enumerate(rows) if row[0] == "deal")
    frame = pd.DataFrame(rows[head + 1 :], columns=rows[head]).set_index("deal")
    asked = fs.deal_outlook(
        funnel,
        history.pipeline(),
        target=5_500_000,
        n_draws=base.n_draws,
        seed=base.seed,
    ).table()
    asked = asked.set_index("deal_id").loc[frame.index]
    costs = frame["losing it costs (points)"].to_numpy(float)
    assert costs == pytest.approx(-100 * asked["costs_if_lost"].to_numpy(float))
    gains = frame["winning it adds (points)"].to_numpy(float)
    assert gains == pytest.approx(100 * asked["gains_if_won"].to_numpy(float))
    known = asked["won_p10"].notna().to_numpy()
    first = [str(day)[:10] for day in frame["likely won from"][known]]
    assert first == [f"{day:%Y-%m-%d}" for day in asked["won_p10"][known]]


def test_the_mean_and_the_weighted_pipeline_are_recomputed(book: Path, case: Case) -> None:
    rows, (history, funnel, comparison, _) = sheets_of(book)["Recompute"], case
    base, pipeline = comparison.base, history.pipeline()
    assert row_of(rows, "sum")[1] == pytest.approx(
        base.realised_bookings + base.by_deal()["expected"].sum() + base.table()["new_deals"].iloc[-1]
    )
    assert row_of(rows, "mean of the engine")[1:3] == pytest.approx(list(base.mean()))
    assert funnel.closed is not None
    by_hand = base.realised_bookings + np.nansum(pipeline.amount * funnel.closed.rates[pipeline.stage])
    assert row_of(rows, "weighted pipeline at closed-only rates")[1] == pytest.approx(by_hand, rel=1e-12)
    course = [float(funnel.table()["conversion"].prod())]
    assert row_of(rows, "wins per new deal by the formula")[1] == pytest.approx(course[0])


def test_without_missing_amounts_the_mean_is_recomputed_to_rounding(tmp_path: Path) -> None:
    """Amounts that are drawn would leave a difference; listed ones leave that of rounding."""
    scenario = fs.read_scenario("account_selling")
    amount = np.where(np.isnan(scenario.pipeline.amount), 12_345.0, scenario.pipeline.amount)
    listed = dataclasses.replace(scenario.pipeline, amount=amount)
    outlook = fs.forecast(scenario.funnel, listed, engine=fs.Exact(n_draws=5))
    path = fs.write_report(tmp_path / "s.xlsx", outlook, scenario.funnel)
    rows = sheets_of(path)["Recompute"]
    assert row_of(rows, "difference")[1] == pytest.approx(0.0, abs=1e-9 * outlook.mean().value)
    assert row_of(rows, "sum")[1] == pytest.approx(outlook.mean().value, rel=1e-9)


def test_where_a_person_checks_there_is_a_formula(book: Path) -> None:
    formulas = [formula for _, formula in formulas_of(book)]
    assert sum("SUMPRODUCT" in formula for formula in formulas) >= 4
    assert sum("COUNTIF" in formula for formula in formulas) >= 6
    assert sum("INDEX" in formula for formula in formulas) >= 500
    assert sum(formula.startswith("SUBTOTAL(109") for formula in formulas) == 2


def test_sheets_are_set_up_for_screen_and_print(book: Path) -> None:
    with zipfile.ZipFile(book) as archive:
        names = archive.namelist()
        pages = [archive.read(n).decode() for n in names if n.startswith("xl/worksheets/sheet")]
        charts = [archive.read(n).decode() for n in names if n.startswith("xl/charts/chart")]
        styles = archive.read("xl/styles.xml").decode()
        workbook = archive.read("xl/workbook.xml").decode()
        drawings = "".join(archive.read(n).decode() for n in names if n.startswith("xl/drawings/drawing"))
    assert len(pages) == 10
    assert all('state="frozen"' in page for page in pages)
    assert all('orientation="landscape"' in page and 'fitToPage="1"' in page for page in pages)
    backtest = pages[6]  # a table and its chart: on one page, so that the legend is not torn off
    assert 'fitToHeight="0"' not in backtest
    assert all("&amp;P / &amp;N" in page for page in pages)
    assert workbook.count("_xlnm.Print_Titles") == 10
    assert len(charts) == 4
    assert sum("errBars" in chart for chart in charts) == 1
    assert drawings.count('descr="') == 4
    assert '#,##0" EUR"'.replace('"', "&quot;") in styles


def test_many_columns_print_on_two_pages_side_by_side(book: Path) -> None:
    """On one page twenty columns would be too small to read; on the second one tells whose row it is."""
    with zipfile.ZipFile(book) as archive:
        pages = {i: archive.read(f"xl/worksheets/sheet{i}.xml").decode() for i in range(1, 11)}
        titles = archive.read("xl/workbook.xml").decode()
    wide = [i for i, page in pages.items() if 'fitToWidth="2"' in page]
    assert wide == [4]  # open deals
    assert re.search(r"Print_Titles[^>]*>'Open deals'!\$A:\$A,'Open deals'!\$\d+:\$\d+<", titles)
    # Where a sheet is one table its headings stay in sight: below title, what was asked and a gap.
    assert 'topLeftCell="B5"' in pages[1]
    assert "'Answer'!$4:$4" in titles or "Answer!$4:$4" in titles


def test_figures_say_what_they_count(book: Path, case: Case, tmp_path: Path) -> None:
    funnel, comparison, test = case[1:]
    rows = sheets_of(book)["Answer"]
    assert rows[1][0] == "Bookings in 2026-Q3 to 2027-Q2, known up to 2026-08-31"
    points = '+0.0" points";-0.0" points";0.0" points"'
    assert shown_as(book, "Answer", "The lever to pull first", "B") == points
    path = fs.write_report(tmp_path / "two.xlsx", comparison.outlooks[0], funnel, previous=book)
    signed = '+#,##0" EUR";-#,##0" EUR";#,##0" EUR"'
    assert shown_as(path, "Since last report", "2026-Q3", "I") == signed  # the column after what came
    assert test.notes
    assert {f"{note}." for note in test.notes} <= {str(row[0]) for row in sheets_of(book)["Backtest"] if row}


def shown_as(path: Path, sheet: str, begins: str, column: str) -> str:
    """The number format of a cell in the row that begins so."""
    sheets = sheets_of(path)
    row = next(i for i, row in enumerate(sheets[sheet], 1) if str(row[0]).startswith(begins))
    with zipfile.ZipFile(path) as archive:
        page = archive.read(f"xl/worksheets/sheet{1 + list(sheets).index(sheet)}.xml").decode()
        styles = ElementTree.fromstring(archive.read("xl/styles.xml"))
    style = re.search(rf'<c r="{column}{row}" s="(\d+)"', page)
    assert style
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    number = styles.findall(f"{space}cellXfs/{space}xf")[int(style[1])].get("numFmtId")
    codes = {one.get("numFmtId"): one.get("formatCode") for one in styles.iter(f"{space}numFmt")}
    return str(codes[number])


def test_a_name_is_the_same_on_a_page_and_in_a_workbook(tmp_path: Path) -> None:
    scenario = fs.read_scenario("account_selling")
    ids = scenario.pipeline.deal_ids.astype(object)
    ids[:] = [f"nul\x01\x1b[31mred {i}" for i in range(len(ids))]
    outlook = fs.forecast(
        scenario.funnel, dataclasses.replace(scenario.pipeline, deal_ids=ids), engine=fs.Exact(n_draws=4)
    )
    book, page = (fs.write_report(tmp_path / name, outlook, scenario.funnel) for name in ("r.xlsx", "r.html"))
    named = {str(row[0]) for row in sheets_of(book)["Open deals"]}
    on_page = set(re.findall(r">(nul[^<;,]*red \d+)<", page.read_text("utf-8")))
    assert len(on_page) >= 20
    assert on_page <= named
    assert "nul [31mred 0" in named


def test_one_input_gives_one_file(book: Path, case: Case, tmp_path: Path) -> None:
    history, funnel, comparison, test = case
    again = fs.write_report(
        tmp_path / "two.xlsx", comparison.base, funnel, history=history, comparison=comparison, test=test
    )
    assert again.read_bytes() == book.read_bytes()


def test_the_next_report_tells_what_has_changed(book: Path, case: Case, tmp_path: Path) -> None:
    _, funnel, comparison, _ = case
    better = comparison.outlooks[0]
    assert last_facts(book).p50 == comparison.base.quantile(0.5)
    rows = sheets_of(fs.write_report(tmp_path / "two.xlsx", better, funnel, previous=book))["Answer"]
    points = 100 * (better.chance().value - comparison.base.chance().value)
    assert row_of(rows, "Chance since the last report")[1] == pytest.approx(points)
    moved = better.quantile(0.5) - comparison.base.quantile(0.5)
    assert row_of(rows, "Median since the last report")[1] == pytest.approx(moved)


def test_it_speaks_chinese(case: Case, tmp_path: Path) -> None:
    history, funnel, comparison, test = case
    with missed_texts() as missed:
        path = fs.write_report(
            tmp_path / "zh.xlsx", comparison.base, funnel, history=history, comparison=comparison, test=test,
            lang="zh",
        )  # fmt: skip
    assert list(missed) == []
    sheets = sheets_of(path)
    assert list(sheets) == [
        "结论",
        "分期",
        "举措",
        "在手商机",
        "阶段",
        "复算",
        "回测",
        "输入",
        "数据记录",
        "假设",
    ]
    assert row_of(sheets["结论"], "总额中位数（P50）")[1] == pytest.approx(comparison.base.quantile(0.5))
    texts = [str(cell) for rows in sheets.values() for row in rows for cell in row]
    assert not [text for text in texts if "签约额、" in text or "。 " in text]
    assert row_of(sheets["结论"], "均值：签约额（欧元）")  # as on the page
    records = sheets["数据记录"]
    head = next(i for i, row in enumerate(records) if row[0] == "级别")
    levels = {str(row[0]) for row in records[head + 1 :]}
    assert levels
    assert not levels & set(map(str, records[head]))
    english = [str(cell) for rows in sheets.values() for row in rows for cell in row if isinstance(cell, str)]
    names = {"Qualify", "Develop", "Solution", "Proof", "Close"}
    words = {word for cell in english for word in re.findall(r"[A-Za-z]{4,}", cell)} - names
    assert words <= {"funnelsim", "nCRPS", "CRPS", "SUMPRODUCT"}, words  # of methods and functions


def hostile_book(tmp_path: Path, unit: str = "EUR") -> Path:
    """A workbook whose deals, stages, unit and title are hostile."""
    scenario = fs.read_scenario("account_selling")
    ids = scenario.pipeline.deal_ids.copy()
    ids[:] = [f"{HOSTILE[i % len(HOSTILE)]}" for i in range(len(ids))]
    ids[-1] = "=" + "x" * 40_000
    stages = dataclasses.replace(
        scenario.funnel.stages,
        open=tuple(
            dataclasses.replace(stage, name=f"{HOSTILE[i]} {i}", aliases=())
            for i, stage in enumerate(scenario.funnel.stages.open)
        ),
    )
    funnel = dataclasses.replace(scenario.funnel, stages=stages, unit=unit)
    pipeline = dataclasses.replace(scenario.pipeline, deal_ids=ids)
    outlook = fs.forecast(funnel, pipeline, engine=fs.Exact(n_draws=5))
    return fs.write_report(tmp_path / "h.xlsx", outlook, funnel, title="=&P <b>\u202e" + "长" * 400)


def test_names_stay_text_and_legible(tmp_path: Path) -> None:
    path = hostile_book(tmp_path)
    sheets = sheets_of(path)
    rows = sheets["Open deals"]
    head = next(i for i, row in enumerate(rows) if row[0] == "deal")
    told = {str(row[0]) for row in rows[head + 1 :]}
    for name in HOSTILE:
        assert plain(name) in told
    assert "evil" in told
    assert "[2J" in told
    assert max(map(len, told)) == 32_001  # cut, with a mark that it is
    every = "".join(str(cell) for rows in sheets.values() for row in rows for cell in row)
    assert not {"\u202e", "\x00", "\x1b"} & set(every)
    # Formulas are ours alone: they name cells, functions and words of ours, never what a deal is called.
    ours = r"(?:'[^']*'!|\$?[A-Z]{1,2}\$?\d+|[A-Z]+\(|[-+*/(),:=]|[\d.]+|&[gl]t;|&quot;[^&]*&quot;)*"
    assert [formula for _, formula in formulas_of(path) if not re.fullmatch(ours, formula)] == []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/_rels"):
                assert "http" not in re.sub(r"http://schemas[^\"]*", "", archive.read(name).decode())


@pytest.mark.parametrize("unit", ["万元", 'a"b', "", "[Red]", ";;;", "%", "\u202e", "EUR" * 30, "\\"])
def test_any_unit_is_quoted(unit: str, tmp_path: Path) -> None:
    path = hostile_book(tmp_path, unit)
    with zipfile.ZipFile(path) as archive:
        text = archive.read("xl/styles.xml").decode()
    formats = re.findall(r'formatCode="(.*?)"', text)
    assert all(len(code) < 255 for code in formats)
    # What stands outside quotes is of the language of formats alone.
    for code in formats:
        plain = code.replace("&quot;", '"').replace("&amp;", "&")
        bare = re.sub(r'\\"|"[^"]*"', "", plain)
        assert re.fullmatch(r"[#,0.+\-;%ymd\\ ]*", bare), code


def test_formats_by_hand() -> None:
    assert number_format(0, "EUR") == '#,##0" EUR"'
    assert number_format(2, "万元") == '#,##0.00" 万元"'
    assert number_format(1) == "#,##0.0"
    assert number_format(0, 'a"b') == '#,##0" a"\\""b"'
    assert [address(0, 0), address(9, 25), address(99, 26), address(0, 701)] == [
        "$A$1",
        "$Z$10",
        "$AA$100",
        "$ZZ$1",
    ]


def test_without_deals_target_levers_and_past_it_is_whole(tmp_path: Path) -> None:
    scenario = fs.read_scenario("account_selling")
    nobody = scenario.pipeline.of_deals(np.array([], dtype=np.int64))
    outlook = fs.forecast(scenario.funnel, nobody, engine=fs.Exact(n_draws=5))
    reason = "Whether such ranges held cannot be checked: too little history"
    path = fs.write_report(tmp_path / "e.xlsx", outlook, scenario.funnel, test=reason)
    sheets = sheets_of(path)
    every = {str(cell) for rows in sheets.values() for row in rows for cell in row}
    assert len(sheets) == 10
    assert {"There are no open deals.", "No levers were compared.", reason} <= every
    assert "No target was given, so there is no chance of one." in every
    assert any(text.startswith("No records were given") for text in every)
    assert row_of(sheets["Recompute"], "difference")[1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("measure", ["wins", "cash"])
def test_other_measures(measure: str, tmp_path: Path) -> None:
    scenario = fs.read_scenario("account_selling")
    funnel = scenario.funnel.with_collections(fs.Collections.by_hand(terms_days=30, never_paid=0.02))
    outlook = fs.forecast(
        funnel, scenario.pipeline, measure=measure, target=10, engine=fs.MonteCarlo(n_futures=400, n_draws=4)
    )  # type: ignore[arg-type]
    path = fs.write_report(tmp_path / "m.xlsx", outlook, funnel)
    rows = sheets_of(path)["Recompute"]
    table = outlook.table()
    new = float(table["new_deals"].iloc[-1])
    if measure == "wins":
        by_hand = outlook.realised_wins + outlook.deals.chance.sum() + new
    else:
        by_hand = float(table[["realised", "won_before", "open_deals"]].iloc[-1].sum()) + new
    assert row_of(rows, "sum")[1] == pytest.approx(by_hand)
    assert not any(str(row[0]).startswith("weighted pipeline") for row in rows if row)


def test_many_periods_leave_chances_by_period_out(tmp_path: Path) -> None:
    scenario = fs.read_scenario("account_selling")
    outlook = fs.forecast(scenario.funnel, scenario.pipeline, periods="30W", engine=fs.Exact(n_draws=4))
    rows = sheets_of(fs.write_report(tmp_path / "w.xlsx", outlook, scenario.funnel))["Open deals"]
    assert any("there are 30 periods" in str(row[0]) for row in rows)
    assert not any("chance in" in str(cell) for row in rows for cell in row)


def test_a_missing_library_is_told_with_the_way_out(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ReportError, match=r"pip install 'funnelsim\[excel\]'"):
        fs.write_report(tmp_path / "x.xlsx", case[2].base, case[1])
    assert not (tmp_path / "x.xlsx").exists()
    monkeypatch.setattr(Asked, "case", lambda *_: pytest.fail("something was computed before the refusal"))
    files = [str(tmp_path / name) for name in ("r.html", "r.xlsx")]
    done = CliRunner().invoke(main, ["report", "-o", files[0], "-o", files[1]])
    assert done.exit_code != 0
    assert "pip install 'funnelsim[excel]'" in done.stderr
    assert not (tmp_path / "r.html").exists()


def test_the_command_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "r.xlsx"
    done = CliRunner().invoke(
        main, ["report", "--scenario", "account_selling", "--draws", "10", "-o", str(path)]
    )
    assert done.exit_code == 0, done.output
    assert "A scenario has no past: whether such ranges hold cannot be checked." in {
        str(row[0]) for row in sheets_of(path)["Backtest"]
    }
