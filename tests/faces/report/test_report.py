"""The page: what it answers, that it is whole without anything else, and that hostile names stay names."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import funnelsim as fs
from funnelsim.faces.cli import main
from funnelsim.faces.report import ReportError, kinds
from funnelsim.faces.report.content import Told
from funnelsim.faces.report.first import off_by
from funnelsim.faces.report.last import last_facts
from funnelsim.faces.report.parts import chance_said
from funnelsim.faces.report.write import write_told
from funnelsim.vocabulary.language import missed_texts

HOSTILE = "<script>alert(1)</script>\"'&=cmd|\u202eabc\x00"


class Tags(HTMLParser):
    """Tags that are open, and those that were closed out of turn."""

    VOID = ("meta", "br", "link", "img", "path", "use", "rect", "circle", "line", "image")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.headings += [tag] if tag in ("h1", "h2", "h3") else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def text_of(page: Path) -> str:
    """The page, with no-break spaces as any other: where its lines end is not what is tested."""
    return page.read_text(encoding="utf-8").replace("\xa0", " ")


@pytest.fixture(scope="module")
def case() -> tuple[fs.Scenario, fs.LeverComparison]:
    scenario = fs.read_scenario("account_selling")
    comparison = fs.compare_levers(
        scenario.funnel, scenario.pipeline, target=scenario.target, engine=fs.Exact(n_draws=10)
    )
    return scenario, comparison


@pytest.fixture(scope="module")
def page(case: tuple[fs.Scenario, fs.LeverComparison], tmp_path_factory: pytest.TempPathFactory) -> Path:
    scenario, comparison = case
    path = tmp_path_factory.mktemp("report") / "one.html"
    return fs.write_report(path, comparison.base, scenario.funnel, comparison=comparison)


def test_the_first_screen_answers(page: Path, case: tuple[fs.Scenario, fs.LeverComparison]) -> None:
    text = text_of(page)
    base = case[1].base
    first = text[: text.index('id="periods"')]
    assert f"{100 * base.chance().value:.1f} %" in first
    for quantile in base.quantile([0.1, 0.9]).tolist():
        assert f"{quantile:,.0f}" in first
    assert "Of the levers compared, the chance gains most from" in first
    assert "was not checked" in first


def test_it_is_whole_and_needs_nothing_else(page: Path) -> None:
    text = text_of(page)
    tags = Tags()
    tags.feed(text)
    assert (tags.open, tags.wrong) == ([], [])
    assert len(tags.ids) == len(set(tags.ids))  # marks of one picture must not be those of another
    assert tags.headings[0] == "h1"
    assert tags.headings.count("h1") == 1
    outside = re.findall(r"""(?:src|href)\s*=\s*["'](?!#)[^"']+|url\((?!#)[^)]+\)|@import""", text)
    assert outside == []
    assert text.count("<script") == 1  # figures for the next report, not code
    assert '<script type="application/json"' in text
    assert all(label for label in re.findall(r'<figure role="img" aria-label="([^"]*)"', text))


def test_one_input_gives_one_page(
    page: Path, case: tuple[fs.Scenario, fs.LeverComparison], tmp_path: Path
) -> None:
    scenario, comparison = case
    again = fs.write_report(tmp_path / "two.html", comparison.base, scenario.funnel, comparison=comparison)
    assert again.read_bytes() == page.read_bytes()


def test_what_changed_since_the_last_one(
    page: Path, case: tuple[fs.Scenario, fs.LeverComparison], tmp_path: Path
) -> None:
    scenario, comparison = case
    better = comparison.outlooks[0]
    path = fs.write_report(tmp_path / "two.html", better, scenario.funnel, previous=page)
    was, now = comparison.base.chance().value, better.chance().value
    text = text_of(path)
    errors = [side.chance().standard_error for side in (comparison.base, better)]
    assert f"+{100 * (now - was):.1f} ± {100 * np.hypot(*errors):.1f} points" in text
    assert f"was {100 * was:.1f} % in the last report (of 2026-08-31), and is {100 * now:.1f} % now" in text
    other = tmp_path / "other.html"
    other.write_text("<html></html>", encoding="utf-8")
    with pytest.raises(ReportError, match="is no report"):
        fs.write_report(path, better, scenario.funnel, previous=other)
    with pytest.raises(ReportError, match=r"end its name in \.html, \.xlsx or \.pdf"):
        fs.write_report(tmp_path / "page.docx", better, scenario.funnel)


@pytest.mark.thorough
def test_it_speaks_chinese(tmp_path: Path) -> None:
    scenario = fs.read_scenario("account_selling", lang="zh")
    comparison = fs.compare_levers(
        scenario.funnel, scenario.pipeline, target=scenario.target, engine=fs.Exact(n_draws=10)
    )
    with missed_texts() as missed:
        path = fs.write_report(
            tmp_path / "zh.html", comparison.base, scenario.funnel, comparison=comparison, lang="zh"
        )
    assert list(missed) == []
    text = text_of(path)
    assert 'lang="zh-Hans"' in text
    assert re.search("达到 1,900,000 (EUR|欧元) ?的概率", text)


def test_names_of_deals_and_stages_stay_names(
    case: tuple[fs.Scenario, fs.LeverComparison], tmp_path: Path
) -> None:
    scenario, _ = case
    ids = scenario.pipeline.deal_ids.copy()
    ids[:] = [f"{HOSTILE} {i}" for i in range(len(ids))]
    outlook = fs.forecast(
        scenario.funnel, dataclasses.replace(scenario.pipeline, deal_ids=ids), engine=fs.Exact(n_draws=5)
    )
    path = fs.write_report(tmp_path / "h.html", outlook, scenario.funnel, title=HOSTILE)
    text = text_of(path)
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert "\x00" not in text
    assert "&lt;script&gt;" in text
    assert "No target was given" in text


def test_an_empty_pipeline_leaves_the_page_whole(
    case: tuple[fs.Scenario, fs.LeverComparison], tmp_path: Path
) -> None:
    scenario, _ = case
    nobody = scenario.pipeline.of_deals(np.array([], dtype=np.int64))
    outlook = fs.forecast(scenario.funnel, nobody, target=scenario.target, engine=fs.Exact(n_draws=5))
    text = text_of(fs.write_report(tmp_path / "e.html", outlook, scenario.funnel))
    assert "There are no open deals." in text


def test_the_command_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    asked = ["report", "--scenario", "account_selling", "--draws", "10", "-o", str(path)]
    assert CliRunner().invoke(main, asked).exit_code == 0
    assert "A scenario has no past" in text_of(path)
    assert "overwrite it with --force" in CliRunner().invoke(main, asked).stderr
    assert "name it with -o" in CliRunner().invoke(main, asked[:5]).stderr


def test_the_command_writes_several_from_one_computation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["report", "--scenario", "account_selling", "--draws", "10"]
    seen: list[object] = []
    monkeypatch.setattr("funnelsim.faces.report.page.page", lambda told, _: seen.append(told) or b"page")
    for name in ("a.html", "b.htm"):
        asked += ["-o", str(tmp_path / name)]
    assert CliRunner().invoke(main, asked).exit_code == 0
    assert [file.read_bytes() for file in sorted(tmp_path.iterdir())] == [b"page", b"page"]
    assert seen[0] is seen[1]


def test_what_cannot_be_written_is_refused_before_any_work(page: Path, tmp_path: Path) -> None:
    def refused(*more: str) -> str:
        return CliRunner().invoke(main, ["report", "--scenario", "account_selling", *more]).stderr

    assert "end its name in .html, .xlsx or .pdf" in refused("-o", str(tmp_path / "r.docx"))
    assert "is also read" in refused("-o", str(page), "--previous", str(page), "--force")
    assert "name it with -o" in refused("-o", "-")
    assert "two names" in refused("-o", str(tmp_path / "r.html"), "-o", str(tmp_path / "r.html"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.thorough
def test_the_past_is_checked_as_the_report_was_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backtest of other choices than those of the report would tell nothing of its ranges."""
    seen: list[tuple[str, ...]] = []
    fit = fs.fit

    def watched(history: fs.DealHistory, **choices: object) -> fs.Funnel:
        seen.append(tuple(choices.get("classes") or ()))
        return fit(history, **choices)

    monkeypatch.setattr("funnelsim.fitting.fit.fit", watched)
    asked = ["report", "--classes", "region", "--draws", "4", "--quiet", "-o", str(tmp_path / "r.html")]
    assert CliRunner().invoke(main, asked).exit_code == 0
    assert len(seen) > 4  # the report itself, and every origin
    assert set(seen) == {("region",)}


@pytest.mark.thorough
def test_a_report_of_cash_does_not_claim_that_ranges_of_cash_held(tmp_path: Path) -> None:
    history = fs.simulate_history(seed=0)
    funnel = fs.fit(history)
    paid = funnel.with_collections(fs.Collections.by_hand(terms_days=30, clock=funnel.clock))
    outlook = fs.forecast(
        paid, history.pipeline(), measure="cash", engine=fs.MonteCarlo(n_futures=200, n_draws=4)
    )
    test = fs.backtest(history, periods="1Q", origins=4, n_draws=4, n_futures=50)
    page = text_of(fs.write_report(tmp_path / "c.html", outlook, paid, test=test))
    assert page.count("Checked were ranges of bookings; whether those of cash hold was not.") == 2


def test_where_reps_run_out_of_hours_deals_have_one_chance_and_the_page_says_what_does_not_know(
    tmp_path: Path,
) -> None:
    scenario = fs.read_scenario("telesales")
    assert scenario.team is not None
    assert scenario.work is not None
    engine = fs.Events(scenario.team, scenario.work, n_futures=20, n_draws=2)
    outlook = fs.forecast(
        scenario.funnel, scenario.pipeline, periods=scenario.periods, target=scenario.target, engine=engine
    )
    told = Told(outlook, scenario.funnel, position=scenario.pipeline)
    own = outlook.by_deal().set_index("deal_id")["chance"]
    assert told.deals.set_index("deal_id")["chance"].to_dict() == own.to_dict()
    assert "costs_if_lost" in told.deals
    said = next(section for section in told.sections if section.key == "deals").sentences
    assert any("as if the reps had hours for every deal" in text for text in said)


def test_the_page_says_which_deals_the_classical_figure_leaves_out(tmp_path: Path) -> None:
    scenario = fs.read_scenario("account_selling")
    amount = scenario.pipeline.amount.copy()
    amount[:] = 1_000.0
    amount[:2] = np.nan
    pipeline = dataclasses.replace(scenario.pipeline, amount=amount)
    outlook = fs.forecast(scenario.funnel, pipeline, engine=fs.Exact(n_draws=4))
    path = fs.write_report(tmp_path / "m.html", outlook, scenario.funnel)
    assert "It also leaves out the 2 open deals without an amount." in text_of(path)


@pytest.mark.parametrize(
    ("target", "figure", "said"),
    [
        (1.0, "100 %", "The target is already reached."),
        (400_000.0, "&gt; 99.9 %", "as good as certain"),
        (5e12, "&lt; 0.1 %", "as good as none"),
    ],
)
def test_a_target_reached_or_out_of_reach_is_told_without_digits(
    target: float, figure: str, said: str, tmp_path: Path
) -> None:
    scenario = fs.read_scenario("account_selling")
    won = scenario.pipeline.won_amount.sum()
    assert 1.0 < won < 400_000
    outlook = fs.forecast(scenario.funnel, scenario.pipeline, target=target, engine=fs.Exact(n_draws=4))
    text = text_of(fs.write_report(tmp_path / "t.html", outlook, scenario.funnel))
    first = text[: text.index('id="periods"')]
    assert f'<p class="figure">{figure}</p>' in first
    assert said in first
    assert "0.0 points" not in first


@pytest.mark.thorough
def test_too_little_history_says_so_by_day(tmp_path: Path) -> None:
    path = tmp_path / "short.html"
    asked = ["report", "--as-of", "2024-09-30", "--target", "1M", "--draws", "4", "--quiet", "-o", str(path)]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    text = text_of(path)
    said = "cannot be checked: records from 2024-07-01 to 2024-09-30 are too short for it."
    assert said in text  # nothing of origins and looks, but what finance has and can do
    assert "add older records if there are any, or check again after the next quarter" in text


@pytest.mark.thorough
def test_without_any_win_the_page_says_why_wins_are_counted(tmp_path: Path) -> None:
    days = pd.date_range("2026-01-01", periods=160, freq="D").strftime("%Y-%m-%d")
    deals = pd.DataFrame({"deal_id": [f"d{i}" for i in range(160)], "created_at": days})
    deals["outcome"] = ["lost" if i < 120 else "open" for i in range(160)]
    deals["closed_at"] = [days[i + 20] if i < 120 else "" for i in range(160)]
    deals["amount"] = 1000
    deals.to_csv(tmp_path / "deals.csv", index=False)
    moves = pd.DataFrame({"deal_id": deals["deal_id"], "stage": "Talk", "entered_at": days})
    moves.to_csv(tmp_path / "moves.csv", index=False)
    stages = '[[stage]]\nname = "Talk"\n' + "".join(
        f'[[outcome]]\nname = "{end}"\nkind = "{end}"\n' for end in ("won", "lost")
    )
    (tmp_path / "stages.toml").write_text(stages, encoding="utf-8")
    files = [str(tmp_path / name) for name in ("deals.csv", "moves.csv", "stages.toml", "page.html")]
    asked = ["report", *files[:2], "--stages", files[2], "--draws", "4", "--quiet", "-o", files[3]]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    text = text_of(Path(files[3]))
    assert "No deal has been won yet: wins are counted, for what they bring is not known." in text
    assert "cannot be checked: no deal has been won yet" in text
    assert "too short for it" not in text


def test_files_of_one_report_are_written_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second file that fails leaves the first as it was, whether in the making or at its place."""
    history = fs.simulate_history(seed=0)
    funnel = fs.fit(history)
    told = Told(fs.forecast(funnel, history.pipeline(), engine=fs.Exact(n_draws=4)), funnel)
    page = tmp_path / "a.html"
    page.write_text("the last one", encoding="utf-8")
    with pytest.raises(ReportError, match=r"none/b\.html cannot be written"):
        write_told([page, tmp_path / "none" / "b.html"], told)
    (tmp_path / "c.html").mkdir()
    with pytest.raises(ReportError, match="cannot be written"):
        write_told([page, tmp_path / "c.html"], told)
    monkeypatch.setattr(kinds, "_MAKERS", {".html": "page", ".pdf": "none"})
    with pytest.raises(ModuleNotFoundError):
        write_told([page, tmp_path / "b.pdf"], told)
    assert text_of(page) == "the last one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "c.html"]


@pytest.mark.parametrize(
    ("chance", "said"),
    [(0.0, "< 0.1 %"), (0.0004, "< 0.1 %"), (0.02, "2 %"), (0.5, "50 %"), (0.98, "98 %"), (1.0, "> 99.9 %")],
)
def test_a_chance_close_to_none_or_certain_is_a_bound(chance: float, said: str) -> None:
    """Digits that read 0, beside a ± that reads 0, would claim what no computation knows."""
    assert chance_said(chance, decimals=0) == said


@pytest.mark.thorough
def test_the_report_of_the_sample_says_what_the_demonstration_says(tmp_path: Path) -> None:
    """Both have forecast again at past dates, so both know how far all business moves together."""
    path = tmp_path / "r.html"
    assert CliRunner().invoke(main, ["report", "--draws", "4", "--quiet", "-o", str(path)]).exit_code == 0
    shown = CliRunner().invoke(main, ["demo", "--draws", "4", "--format", "json"])
    demo = json.loads(shown.stdout)
    facts = last_facts(path)
    assert demo["chance"]["value"] == pytest.approx(facts.chance)
    assert demo["total"]["p10"] == pytest.approx(facts.p10)
    assert "past dates have shown" in text_of(path)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("58.0 % ± 11.5 points", ["58.0 %", "± 11.5"]),
        ("from 3,538 k EUR to 4.7 M EUR", ["3,538 k EUR", "4.7 M EUR"]),
        ("1,200 EUR", ["1,200 EUR"]),
        ("均值 120 万元", ["120 万元"]),
    ],
)
def test_no_line_breaks_between_a_number_and_its_unit(text: str, whole: list[str], tmp_path: Path) -> None:
    scenario = fs.read_scenario("account_selling")
    outlook = fs.forecast(scenario.funnel, scenario.pipeline, engine=fs.Exact(n_draws=4))
    page = fs.write_report(tmp_path / "u.html", outlook, scenario.funnel, title=text).read_text("utf-8")
    for piece in whole:
        assert piece.replace(" ", "\xa0") in page


@pytest.mark.parametrize(
    ("bias", "low", "high", "told"),
    [
        (0.12, -0.05, 0.29, "On average 12 % too much was expected (-5 % to 29 %); not corrected."),
        (-0.05, -0.16, 0.08, "On average 5 % too little was expected (-8 % to 16 %); not corrected."),
        (
            0.1,
            np.nan,
            np.nan,
            "On average 10 % too much was expected (too few dates for a range); not corrected.",
        ),
        (
            0.1,
            -0.2,
            np.inf,
            "On average 10 % too much was expected (too few dates for a range); not corrected.",
        ),
    ],
)
def test_a_bias_is_told_with_its_bounds_in_its_own_direction(
    bias: float, low: float, high: float, told: str
) -> None:
    row = {"part": "total", "window": "period", "method": "funnelsim", "measure": "wins"}
    scores = pd.DataFrame([row | {"bias": bias, "bias_low": low, "bias_high": high}])
    test = SimpleNamespace(measure="wins", scores=lambda: scores)
    assert off_by(test) == [told]  # type: ignore[arg-type]
