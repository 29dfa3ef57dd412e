"""The PDF: first screen and sections as text, safe, the same bytes, and figures for the next report."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import pytest

import funnelsim as fs

pytestmark = pytest.mark.thorough

pypdf = pytest.importorskip("pypdf", reason="pypdf reads the PDF back: pip install pypdf")

HOSTILE = "$\\frac{1}{0}$ <b>%s</b> =cmd() \u202eabc\x00\x1b[2J"


@pytest.fixture(scope="module")
def case() -> tuple[fs.Scenario, fs.LeverComparison]:
    scenario = fs.read_scenario("account_selling")
    comparison = fs.compare_levers(
        scenario.funnel, scenario.pipeline, target=scenario.target, engine=fs.Exact(n_draws=10)
    )
    return scenario, comparison


def words(path: Path) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)


def test_the_first_page_answers_and_is_text(
    case: tuple[fs.Scenario, fs.LeverComparison], tmp_path: Path
) -> None:
    scenario, comparison = case
    path = fs.write_report(tmp_path / "a.pdf", comparison.base, scenario.funnel, comparison=comparison)
    reader = pypdf.PdfReader(path)
    first = reader.pages[0].extract_text()
    assert f"{100 * comparison.base.chance().value:.0f} %" in first
    assert "Of the levers compared, the chance gains most from" in first
    assert "was not checked" in first
    assert f"1 / {len(reader.pages)}" in first
    box = reader.pages[0].mediabox
    assert (round(box.width), round(box.height)) == (842, 595)  # A4 on its side, in points
    whole = words(path)
    for heading in ("Ranges by period", "Open deals that matter", "Stages", "Levers", "Every assumption"):
        assert heading in whole
    for stage in scenario.funnel.stages.open:
        assert stage.name in whole
    assert str(scenario.pipeline.deal_ids[0])[:2] in whole
    assert reader.metadata is not None
    assert reader.metadata.title == "Sales forecast"


@pytest.mark.parametrize(("lang", "tag"), [("en", "en"), ("zh", "zh-Hans")])
def test_it_says_its_language_and_shows_its_title(
    case: tuple[fs.Scenario, fs.LeverComparison], tmp_path: Path, lang: str, tag: str
) -> None:
    scenario, comparison = case
    path = fs.write_report(tmp_path / "l.pdf", comparison.base, scenario.funnel, lang=lang)
    reader = pypdf.PdfReader(path, strict=True)  # complains of offsets that are not where they should be
    root = reader.trailer["/Root"]
    assert root["/Lang"] == tag
    assert (
        root["/ViewerPreferences"]["/DisplayDocTitle"] is True
        or root["/ViewerPreferences"]["/DisplayDocTitle"]
    )
    assert len(reader.pages) == path.read_bytes().count(
        b"/Type /Page "
    )  # pages hang on the new catalogue, too


def test_one_input_gives_one_pdf(case: tuple[fs.Scenario, fs.LeverComparison], tmp_path: Path) -> None:
    scenario, comparison = case
    paths = [
        fs.write_report(tmp_path / f"{n}.pdf", comparison.base, scenario.funnel, comparison=comparison)
        for n in range(2)
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_it_hands_its_figures_to_the_next_report(
    case: tuple[fs.Scenario, fs.LeverComparison], tmp_path: Path
) -> None:
    scenario, comparison = case
    last = fs.write_report(tmp_path / "last.pdf", comparison.base, scenario.funnel)
    better = comparison.outlooks[0]
    page = fs.write_report(tmp_path / "now.html", better, scenario.funnel, previous=last)
    moved = 100 * (better.chance().value - comparison.base.chance().value)
    assert f"+{moved:.1f} ± " in page.read_text("utf-8").replace("\xa0", " ")


def test_it_speaks_chinese(tmp_path: Path) -> None:
    scenario = fs.read_scenario("account_selling", lang="zh")
    outlook = fs.forecast(
        scenario.funnel, scenario.pipeline, target=scenario.target, engine=fs.Exact(n_draws=5)
    )
    text = words(fs.write_report(tmp_path / "zh.pdf", outlook, scenario.funnel, lang="zh"))
    assert "目标达成概率" in text
    assert "全部假设" in text


def test_hostile_names_are_letters(case: tuple[fs.Scenario, fs.LeverComparison], tmp_path: Path) -> None:
    scenario, _ = case
    ids = scenario.pipeline.deal_ids.copy()
    ids[:] = [f"{HOSTILE % i}{'x' * 10_000 if i == 1 else ''}\U0001f600" for i in range(len(ids))]
    outlook = fs.forecast(
        scenario.funnel, dataclasses.replace(scenario.pipeline, deal_ids=ids), engine=fs.Exact(n_draws=5)
    )
    path = fs.write_report(tmp_path / "h.pdf", outlook, scenario.funnel, title=HOSTILE)
    whole = words(path)
    # "$" begins no formula, "<b>" is text, marks that turn the order or drive a terminal are gone
    assert re.search(r"\$\\frac\{1\}\{0\}\$ <b>", whole)
    assert not set(whole) & {"\u202e", "\x00", "\x1b"}
    assert b"/JavaScript" not in path.read_bytes()
    assert len(pypdf.PdfReader(io.BytesIO(path.read_bytes())).pages) < 20


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_reaches_over_the_edge(
    case: tuple[fs.Scenario, fs.LeverComparison], tmp_path: Path, lang: str
) -> None:
    scenario, comparison = case
    path = fs.write_report(
        tmp_path / "e.pdf", comparison.base, scenario.funnel, comparison=comparison, lang=lang,
        title="A title that goes on and on and on " * 20,
    )  # fmt: skip
    for page in pypdf.PdfReader(path).pages:
        places: list[tuple[float, float]] = []
        page.extract_text(
            visitor_text=lambda text, cm, tm, font, size, places=places: (
                places.append((tm[4] + cm[4], tm[5] + cm[5])) if text.strip() else None
            )
        )
        assert places
        assert all(0 <= x <= 842 and 0 <= y <= 595 for x, y in places)


def test_many_words_leave_the_first_page_whole(
    case: tuple[fs.Scenario, fs.LeverComparison], tmp_path: Path
) -> None:
    """All that a last report, a backtest and a long reason may say stands above the foot of the page."""
    scenario, comparison = case
    reason = "Whether such ranges held cannot be checked: " + "the records begin too late for that. " * 9
    last = fs.write_report(tmp_path / "last.html", comparison.outlooks[0], scenario.funnel)
    path = fs.write_report(
        tmp_path / "w.pdf",
        comparison.base,
        scenario.funnel,
        comparison=comparison,
        test=reason,
        previous=last,
    )
    heights: list[tuple[float, str]] = []
    pypdf.PdfReader(path).pages[0].extract_text(
        visitor_text=lambda text, cm, tm, font, size: (
            heights.append((tm[5] + cm[5], text)) if text.strip() else None
        )
    )
    foot = next(y for y, text in heights if "Made by" in text)
    assert [text for y, text in heights if y < foot + 10 and "Made by" not in text and "/" not in text] == []
    assert sum("begin too late" in text for _, text in heights) > 3
