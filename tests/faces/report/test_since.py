"""What has changed since the last report: windows both hold, what came, and what cannot be compared."""

from __future__ import annotations

import dataclasses
import html
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from python_calamine import CalamineWorkbook

import funnelsim as fs
from funnelsim.faces.cli import main
from funnelsim.faces.report import ReportError
from funnelsim.faces.report.content import Told
from funnelsim.faces.report.facts import Facts, Span, marks_of_stages
from funnelsim.faces.report.last import check_same_business, last_facts
from funnelsim.faces.report.sections_since import verdict
from funnelsim.faces.report.since import Since, Window
from funnelsim.nouns.law import Measure

ENGINE = fs.Exact(n_draws=4)
WINDOW = ["2026-07-01", "2027-04-01"]  # what both reports hold
Case = tuple[fs.DealHistory, fs.Funnel, fs.Forecast, Path, fs.Forecast]


def text_of(page: Path) -> str:
    """The page, with no-break spaces as any other: where its lines end is not what is tested."""
    return page.read_text(encoding="utf-8").replace("\xa0", " ")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A report of May on four quarters from April, and the forecast of August on four from July."""
    history = fs.simulate_history(seed=0)
    then = history.as_of("2026-05-31")
    funnel = fs.fit(history)
    before = fs.forecast(funnel, then.pipeline(), target=5_000_000, engine=ENGINE)
    after = fs.forecast(funnel, history.pipeline(), target=5_500_000, engine=ENGINE)
    folder = tmp_path_factory.mktemp("since")
    return history, funnel, before, fs.write_report(folder / "may.html", before, funnel), after


def since(case: Case, outlook: fs.Forecast, last: Facts | None = None) -> Since:
    history, funnel, _, path, _ = case
    found = Told(outlook, funnel, history, previous=last or last_facts(path)).since
    assert found is not None
    return found


def test_quarters_that_both_hold_are_compared_one_by_one_and_as_one_window(case: Case) -> None:
    _, _, before, _, after = case
    told = since(case, after)
    assert not told.is_same_window
    assert [one.then.label for one in told.periods] == list(before.periods.labels)
    assert [one.kind for one in told.periods] == ["over", "both", "both", "both"]
    for one in told.periods[1:]:
        assert one.now == pytest.approx(after.quantile([0.1, 0.5, 0.9], window=one.then.label))
        assert (one.then.p10, one.then.p50, one.then.p90) == pytest.approx(
            before.quantile([0.1, 0.5, 0.9], window=one.then.label)
        )
    assert told.joint is not None
    assert (told.joint.then.start, told.joint.then.end) == ("2026-04-01", "2027-04-01")
    low, middle, high = before.quantile([0.1, 0.5, 0.9])
    assert (told.joint.then.p10, told.joint.then.p90) == pytest.approx((low, high))
    came = told.periods[0].came
    assert came is not None
    # What is known moves the law of the three quarters left; the four were one window then.
    assert told.joint.now == pytest.approx(came + after.quantile([0.1, 0.5, 0.9], window=3))
    assert told.moved == pytest.approx(came + after.quantile(0.5, window=3) - middle)
    assert sum(one.then.p10 for one in told.periods) < low  # bad quarters do not all meet
    assert told.was == pytest.approx(before.chance(5_000_000).value)
    assert told.is_now == pytest.approx(after.chance(5_000_000 - came, window=3).value)
    assert told.is_now != pytest.approx(after.chance().value)
    assert told.new == ("2027-Q2",)


def test_without_records_only_what_both_forecast_is_compared(case: Case) -> None:
    """A scenario knows no wins of the past: nothing is taken for zero."""
    _, funnel, before, path, after = case
    told = Told(after, funnel, previous=last_facts(path)).since
    assert told is not None
    assert [one.kind for one in told.periods] == ["over", "both", "both", "both"]
    assert told.periods[0].came is None
    assert told.joint is not None
    assert (told.joint.then.start, told.joint.then.end) == tuple(WINDOW)
    assert told.moved == pytest.approx(
        after.quantile(0.5, window=3) - before.quantile(0.5, window=slice(1, 4))
    )
    assert (told.was, told.is_now) == (None, None)
    said = "Only one of the two reports comes from records"
    for history, is_said in ((None, False), (case[0], True)):  # the last report had none
        texts = next(
            one
            for one in Told(after, funnel, history, previous=last_facts(path)).sections
            if one.key == "since"
        ).sentences
        assert any(said in text for text in texts) == is_said


def test_a_target_that_what_came_has_reached_is_certain(case: Case) -> None:
    _, _, _, path, after = case
    assert since(case, after, dataclasses.replace(last_facts(path), target=1_000.0)).is_now == 1.0


def test_what_came_in_a_quarter_that_is_over_is_that_of_the_records(case: Case) -> None:
    history, funnel, _, _, after = case
    deals = history.deals
    closed = deals["closed_at"].to_numpy()
    won = deals[
        (deals["outcome"] == "won")
        & (closed >= np.datetime64("2026-04-01"))
        & (closed < np.datetime64("2026-07-01"))
    ]
    assert funnel.amounts is not None
    came = float(won["amount"].fillna(funnel.amounts.mean).sum())
    assert since(case, after).periods[0].came == pytest.approx(came)
    wins = dataclasses.replace(after, asked="wins", target=None)
    then = Facts(p50=30.0, measure="wins", spans=(Span("2026-Q2", "2026-04-01", "2026-07-01", 20, 30, 40),))
    assert since(case, wins, then).periods[0].came == len(won)
    old = Facts(p50=1.0, spans=(Span("2024-Q2", "2024-04-01", "2024-07-01", 1, 2, 3),))
    assert since(case, after, old).periods[0].came is None  # the log begins in July 2024


def test_a_target_whose_time_is_over_is_answered_by_what_came(case: Case, tmp_path: Path) -> None:
    """Also where it ended longer ago than a position keeps its wins, as the records go back that far."""
    history, funnel, _, _, after = case
    closed = history.deals["closed_at"].to_numpy()
    won = history.deals["outcome"] == "won"
    won &= (closed >= np.datetime64("2025-01-01")) & (closed < np.datetime64("2025-04-01"))
    wins = dataclasses.replace(after, asked="wins", target=None)
    for target, verdict_, gap in (
        (won.sum() - 3, "reached", "3 wins more"),
        (won.sum() + 4, "missed", "4 wins less"),
    ):
        last = Facts(
            p50=30.0, measure="wins", unit="EUR", target=float(target), chance=0.5, window="2025-Q1",
            spans=(Span("2025-Q1", "2025-01-01", "2025-04-01", 20, 30, 40),),
        )  # fmt: skip
        told = Told(wins, funnel, history, previous=last)
        answer = next(one for one in told.first_screen.answers if one.key == "changed")
        assert answer.figure == f"2025-Q1: target {verdict_}"
        said = f"{target} wins in 2025-Q1, was {verdict_}: {won.sum()} wins came, {gap}."
        assert any(said in sentence for sentence in answer.sentences), answer.sentences
        assert "All periods of the last report are over." in answer.sentences
        told = dataclasses.replace(told, history=None)
        assert any("what came is not known here" in one for one in told.first_screen.answers[2].sentences)


def test_a_change_has_the_error_of_both_computations(case: Case, tmp_path: Path) -> None:
    """Independent computations: the squares of their errors add up."""
    history, funnel, _, _, after = case
    other = fs.forecast(funnel, history.pipeline(), target=5_500_000, engine=fs.Exact(n_draws=10), seed=7)
    last = fs.write_report(tmp_path / "last.html", other, funnel, history=history)
    facts = last_facts(last)
    assert (facts.n_draws, facts.seed) == (10, 7)
    told = since(case, after, facts)
    then, now = other.chance(), after.chance()
    assert told.chance_error == pytest.approx(np.hypot(then.standard_error, now.standard_error))
    assert told.was == pytest.approx(then.value)
    for one in told.periods:
        assert one.then.p50_error is not None
        assert one.moved_error is not None
        assert one.now_error is not None
        assert one.moved_error == pytest.approx(np.hypot(one.then.p50_error, one.now_error))
    changes = Told(after, funnel, history, previous=facts).first_screen.answers[2]
    points = f"{100 * (now.value - then.value):+.1f} ± {100 * told.chance_error:.1f}"
    assert changes.figure == f"{points} points"
    assert abs(now.value - then.value) < 2 * told.chance_error  # one position, one funnel: all is computation
    assert "That is no more than the two computations alone may differ by." in changes.sentences
    text = text_of(fs.write_report(tmp_path / "now.html", after, funnel, history=history, previous=last))
    assert "computed with 10 draws of the parameters, this one with 4" in text
    book = fs.write_report(tmp_path / "now.xlsx", after, funnel, history=history, previous=last)
    rows = CalamineWorkbook.from_path(str(book)).get_sheet_by_name("Since last report").to_python()
    head = next(row for row in rows if row[0] == "period")
    row = next(row for row in rows if row[0] == after.periods.labels[0])
    assert row[head.index("± of that")] == pytest.approx(told.periods[0].moved_error)


def test_a_last_report_without_errors_is_compared_without_them_and_says_why(case: Case) -> None:
    """As an earlier version wrote it: no errors, no marks."""
    history, funnel, _, path, after = case
    spans = tuple(dataclasses.replace(one, p50_error=None) for one in last_facts(path).spans)
    bare = dataclasses.replace(last_facts(path), spans=spans, p50_error=None, chance_error=None, stages="")
    told = Told(after, funnel, history, previous=bare)
    assert told.since is not None
    assert (told.since.moved_error, told.since.chance_error) == (None, None)
    first = told.first_screen.answers[2]
    assert not any("±" in text for text in (first.figure, first.sentences[0]))
    assert "Without ±: the last report, of an earlier version, hands on none." in first.sentences
    section = next(one for one in told.sections if one.key == "since")
    assert any("hands on no errors" in text for text in section.sentences)
    assert any("does not tell of which business it is" in text for text in section.sentences)


def test_a_last_report_of_another_business_is_refused(case: Case, tmp_path: Path) -> None:
    """Told by its deals where there are records, else by its stages; a renamed stage is no other business."""
    history, funnel, before, _, after = case
    own = fs.write_report(tmp_path / "own.html", before, funnel, history=history.as_of("2026-05-31"))
    assert str(before.deals.deal_ids[0]) not in last_facts(own).text()
    fs.write_report(tmp_path / "now.html", after, funnel, history=history, previous=own)
    deals = dataclasses.replace(
        before.deals, deal_ids=np.array([f"X{i}" for i in before.deals.deal_ids], dtype=object)
    )
    theirs = fs.write_report(
        tmp_path / "theirs.html", dataclasses.replace(before, deals=deals), funnel, history=history
    )
    with pytest.raises(
        ReportError, match=r"theirs\.html: the last report is of another business: none of the deals"
    ):
        fs.write_report(tmp_path / "x.html", after, funnel, history=history, previous=theirs)
    for renamed, is_other in ((1, False), (len(funnel.stages.open), True)):
        last = dataclasses.replace(last_facts(own), deals="")
        kept = last.stages.split()[renamed:]
        last = dataclasses.replace(last, stages=" ".join([*["0" * 8] * renamed, *kept]))
        if is_other:
            with pytest.raises(ReportError, match="it knows none of these stages; give the last report"):
                check_same_business(own, last, funnel, None)
        else:
            check_same_business(own, last, funnel, None)
    assert not (tmp_path / "x.html").exists()


def test_a_scenario_is_one_business_in_both_languages_and_no_other() -> None:
    english, chinese = (fs.read_scenario("telesales", lang=lang) for lang in ("en", "zh"))
    other = fs.read_scenario("field_sales", lang="en")
    for own, last in ((english, chinese), (chinese, english)):
        assert marks_of_stages(own.funnel) & marks_of_stages(last.funnel)
        assert not marks_of_stages(own.funnel) & marks_of_stages(other.funnel)


def test_the_command_refuses_the_report_of_another_business_before_it_computes(tmp_path: Path) -> None:
    last, now = tmp_path / "last.html", tmp_path / "now.html"
    facts = Facts(p50=1.0, as_of="2024-05-31", stages="0" * 8, deals="0" * 8).text()
    last.write_text(f'<script type="application/json" id="facts">{facts}</script>', encoding="utf-8")
    for source, missing in (
        ([], "none of the deals"),
        (["--scenario", "account_selling"], "it knows none of these stages"),
    ):
        done = CliRunner().invoke(main, ["report", *source, "--previous", str(last), "-o", str(now)])
        assert done.exit_code != 0
        assert f"of another business: {missing}" in done.stderr.replace("\n", " ")
        assert not now.exists()


def test_a_quarter_is_found_in_a_report_by_months(case: Case) -> None:
    """The months of this report know the law of the quarter; the last one's months of a quarter do not."""
    history, funnel, before, _, _ = case
    months = fs.forecast(funnel, history.pipeline(), periods="8M", engine=ENGINE)
    told = since(case, months)
    assert [one.kind for one in told.periods] == ["over", "both", "both", "both"]
    assert told.periods[2].now == pytest.approx(months.quantile([0.1, 0.5, 0.9], window=slice(1, 4)))
    summer = history.deals.query("outcome == 'won' and '2026-07-01' <= closed_at < '2026-09-01'")
    assert funnel.amounts is not None
    came = float(summer["amount"].fillna(funnel.amounts.mean).sum())
    assert came > 0
    assert told.periods[1].now == pytest.approx(came + months.quantile([0.1, 0.5, 0.9], window=1))
    assert months.periods.labels[0] == "2026-09"
    assert told.new == ("2027-04",)
    coarse = fs.forecast(funnel, history.pipeline(), periods=["2026-07-01", "2027-07-01"], engine=ENGINE)
    assert {one.kind for one in since(case, coarse).periods} == {"over", "apart"}
    assert since(case, coarse).moved is None
    assert before.periods.labels[0] == "2026-Q2"


def test_the_chance_of_the_old_target_is_asked_again(case: Case, tmp_path: Path) -> None:
    history, funnel, _, _, after = case
    last = fs.write_report(tmp_path / "last.html", dataclasses.replace(after, target=5_000_000), funnel)
    told = since(case, after, last_facts(last))
    assert told.is_same_window
    assert told.was == told.is_now == after.chance(5_000_000).value
    text = text_of(fs.write_report(tmp_path / "now.html", after, funnel, history=history, previous=last))
    assert "The target is another one. That of the last report, 5,000,000 EUR, had a chance of" in text
    assert after.chance(5_000_000).value > after.chance().value
    none = dataclasses.replace(after, target=None)
    text = text_of(fs.write_report(tmp_path / "none.html", none, funnel, history=history, previous=last))
    assert "No target is given now. That of the last report, 5,000,000 EUR, had a chance of" in text


def test_the_page_says_what_was_said_what_came_and_what_cannot_be_compared(
    case: Case, tmp_path: Path
) -> None:
    history, funnel, _, path, after = case
    why = fs.revision(history, "2026-05-31", window=WINDOW, n_draws=4)
    text = text_of(
        fs.write_report(tmp_path / "now.html", after, funnel, history=history, previous=path, why=why)
    )
    text = html.unescape(text)
    first, rest = text[: text.index('id="periods"')], text[text.index('id="since"') :]
    assert "The last report's target, 5,000,000 EUR in 2026-Q2 to 2027-Q1, had a chance of" in first
    assert "2026-Q2 is over:" in first
    assert "Mean, worked out anew, mainly (" in first
    assert "The last report was about 2026-Q2 to 2027-Q1, this one is about 2026-Q3 to 2027-Q2" in rest
    assert "The last report said nothing of 2027-Q2." in rest
    assert "Known up to 2026-05-31 and up to 2026-08-31 (EUR)" in rest
    assert "not compared" not in first


@pytest.mark.parametrize(
    ("came", "words"),
    [(5.0, "less than the range"), (15.0, "within the range"), (30.0, "more than the range")],
)
def test_what_came_is_held_against_the_range(came: float, words: str) -> None:
    assert words in verdict(Window(Span("Q", "2026-04-01", "2026-07-01", 10, 15, 20), "over", came=came))


def test_without_anything_in_common_the_page_says_so(case: Case, tmp_path: Path) -> None:
    _, funnel, _, path, after = case
    future = Facts(p50=1.0, spans=(Span("2030", "2030-01-01", "2031-01-01", 1, 2, 3),), window="2030")
    assert [one.kind for one in since(case, after, future).periods] == ["apart"]
    wins = dataclasses.replace(after, asked="wins", target=None)
    text = text_of(fs.write_report(tmp_path / "w.html", wins, funnel, previous=path))
    assert "about bookings in 2026-Q2 to 2027-Q1 (EUR), this one about wins in 2026-Q3 to 2027-Q2:" in text


@pytest.mark.parametrize("ending", ["html", "xlsx", "pdf"])
def test_every_kind_of_file_hands_its_windows_on(case: Case, tmp_path: Path, ending: str) -> None:
    _, funnel, before, path, _ = case
    assert last_facts(fs.write_report(tmp_path / f"r.{ending}", before, funnel)) == last_facts(path)
    assert len(last_facts(path).spans) == 4 + 3  # quarters, and what is left from each but the last


def test_many_periods_hand_on_the_first_and_the_whole(case: Case) -> None:
    history, funnel, _, _, _ = case
    weeks = fs.forecast(funnel, history.pipeline(), periods="61W", measure="wins", engine=ENGINE)
    facts = Facts.of(weeks, funnel)
    assert len(facts.spans) == 61
    assert len(since(case, weeks, facts).periods) == 60
    assert since(case, weeks, facts).is_same_window


def test_a_last_report_that_is_later_is_refused(case: Case, tmp_path: Path) -> None:
    history, funnel, before, _, after = case
    later = fs.write_report(tmp_path / "aug.html", after, funnel)
    with pytest.raises(ReportError, match="all up to 2026-08-31, this one up to 2026-05-31; give an"):
        fs.write_report(tmp_path / "may.html", before, funnel, previous=later)
    asked = ["report", "--as-of", "2026-05-31", "--previous", str(later), "-o", str(tmp_path / "m.html")]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code != 0
    assert "the last report is later than this one" in done.stderr
    assert not (tmp_path / "m.html").exists()
    fs.write_report(tmp_path / "same_day.html", after, funnel, history=history, previous=later)


@pytest.mark.parametrize("measure", ["bookings", "wins"])
def test_the_workbook_holds_both_and_its_waterfall_adds_up(
    case: Case, tmp_path: Path, measure: Measure
) -> None:
    history, funnel, before, _, after = case
    sides = [dataclasses.replace(side, asked=measure, target=None) for side in (before, after)]
    last = fs.write_report(tmp_path / "last.xlsx", sides[0], funnel)
    why = fs.revision(history, "2026-05-31", window=WINDOW, measure=measure, n_draws=4)
    path = fs.write_report(tmp_path / "now.xlsx", sides[1], funnel, history=history, previous=last, why=why)
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Since last report").to_python()
    joint = next(row for row in rows if row[0] == "2026-Q2 to 2027-Q1")
    assert joint[2] == pytest.approx(sides[0].quantile(0.5))
    assert joint[5] == pytest.approx(joint[7] + sides[1].quantile(0.5, window=3))
    assert joint[8] == pytest.approx(joint[5] - joint[2])
    head = next(i for i, row in enumerate(rows) if row[0] == "cause")
    told = [row for row in rows[head + 1 :] if row[0]]
    assert told[0][2] + sum(row[1] for row in told[1:-1]) == pytest.approx(told[-1][2])
    assert told[-1][2] == pytest.approx(why.after.mean().value)


@pytest.mark.thorough
def test_the_command_says_why(tmp_path: Path) -> None:
    last, now = tmp_path / "last.html", tmp_path / "now.html"
    asked = ["report", "--draws", "4", "--quiet", "-o"]
    for more in (
        ["--as-of", "2026-05-31", *asked[1:], str(last)],
        [*asked[1:], str(now), "--previous", str(last)],
    ):
        done = CliRunner().invoke(main, ["report", *more])
        assert done.exit_code == 0, done.output
    text = text_of(now)
    assert re.search(r"Mean, worked out anew, mainly \(k EUR\): \w", text)
    assert "the forecast of 2026-05-31 is worked out again from the records of today" in text
    assert re.search(r"up to 2026-08-31: from [\d,]+ EUR to [\d,]+ EUR, [+-][\d.]+ ± [\d.]+ k EUR", text)
