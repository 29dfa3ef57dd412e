"""Every scenario that ships: it reads and runs, its numbers fit together, and both languages tell it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.engines.protocol import Engine
from funnelsim.intake.scenarios import ScenarioError
from funnelsim.nouns.scenario import Scenario

FOLDER = Path(__file__).parents[1] / "scenarios"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))
CHINESE = re.compile(r"[\u4e00-\u9fff]")
every_scenario = pytest.mark.parametrize("name", NAMES)


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def content_of(name: str) -> dict[str, Any]:
    """The file as any reader of TOML sees it, apart from the code under test."""
    return tomllib.loads(text_of(name))


def quick_engine(scenario: Scenario) -> Engine:
    if scenario.team is not None and scenario.work is not None:
        return fs.Events(scenario.team, scenario.work, n_futures=40, n_draws=10)
    if scenario.measure in ("revenue", "cash"):
        return fs.MonteCarlo(n_futures=400, n_draws=10)
    return fs.Exact(n_draws=10)


def quick_forecast(scenario: Scenario) -> fs.Forecast:
    return fs.forecast(
        scenario.funnel,
        scenario.pipeline,
        periods=scenario.periods,
        target=scenario.target,
        measure=scenario.measure,
        fiscal_start_month=scenario.fiscal_start_month,
        engine=quick_engine(scenario),
    )


def win_rates_by_hand(content: dict[str, Any]) -> dict[str, float]:
    """Chance to be won from each stage, from the shares in the file: the last stage first."""
    funnel = content["funnel"]
    chance = {outcome["name"]: float(outcome["kind"] == "won") for outcome in funnel["outcomes"]}
    for stage in reversed(funnel["stages"]):
        shares = funnel["hazards"][stage["name"]]["goes_to"]
        chance[stage["name"]] = sum(share * chance[place] for place, share in shares.items())
    return {stage["name"]: chance[stage["name"]] for stage in funnel["stages"]}


def test_there_are_scenarios_to_test() -> None:
    assert {"account_selling", "activity_funnel", "telesales"} <= set(NAMES)


@every_scenario
def test_it_reads_with_a_title_in_both_languages(name: str) -> None:
    scenario = fs.read_scenario(name)
    assert scenario.titles["en"].isascii()
    assert CHINESE.search(scenario.titles["zh"])
    assert scenario.pipeline.n_deals > 0
    assert scenario.funnel.unit in ("CNY", "EUR", "USD")


@every_scenario
def test_its_forecast_runs_and_its_target_is_open(name: str) -> None:
    outlook = quick_forecast(fs.read_scenario(name))
    assert 0.02 < outlook.chance().value < 0.98  # a lesson whose end is plain teaches nothing


@every_scenario
def test_each_of_at_least_three_levers_moves_something(name: str) -> None:
    scenario = fs.read_scenario(name)
    assert len(scenario.levers) >= 3
    assert (
        len({lever.name for lever in scenario.levers})
        == len(scenario.levers)
        == len(content_of(name)["lever"])
    )
    for lever in scenario.levers:
        people = getattr(lever, "apply_to_people", None)
        if people is None:
            assert lever.apply(scenario.funnel) is not scenario.funnel, lever.name
        else:
            assert scenario.team is not None, f"{lever.name} needs a team"
            before = (scenario.team, scenario.work)
            assert people(*before) != before, lever.name


@every_scenario
def test_every_stage_but_the_first_has_a_gate(name: str) -> None:
    _, *later = fs.read_scenario(name).funnel.stages.open
    assert [stage.name for stage in later if not stage.gate.strip()] == []


@every_scenario
def test_nominal_win_rates_rise_and_are_those_that_the_shares_imply(name: str) -> None:
    content = content_of(name)
    implied = win_rates_by_hand(content)
    nominal = {stage["name"]: stage["nominal_win_rate"] for stage in content["funnel"]["stages"]}
    rates = list(nominal.values())
    assert all(before < after for before, after in pairwise(rates))
    assert implied == pytest.approx(nominal, abs=0.06)
    assert fs.read_scenario(name).funnel.table(n_draws=10)["win_rate"].to_dict() == pytest.approx(
        implied,
        abs=0.005,  # classes of deals move it a little
    )


@every_scenario
def test_stays_are_necessary_before_they_are_usual(name: str) -> None:
    _, *later = fs.read_scenario(name).funnel.stages.open
    for stage in later:
        assert stage.necessary_days is not None
        assert stage.usual_days is not None
        assert 0 < stage.necessary_days < stage.usual_days


@every_scenario
def test_it_explains_itself_in_english_and_chinese_and_tells_its_sources(name: str) -> None:
    comments = [line.partition("#")[2] for line in text_of(name).splitlines() if "#" in line]
    assert sum(bool(CHINESE.search(comment)) for comment in comments) >= 15
    assert sum(bool(re.search(r"[a-z]{3}", comment)) for comment in comments) >= 15
    assert any("assumed" in comment for comment in comments)
    assert any("假设" in comment for comment in comments)
    assert "assumed" in content_of(name)["funnel"]["origin"]


@every_scenario
@pytest.mark.parametrize(
    "table", ["", "[funnel]", "[funnel.arrivals]", "[[funnel.stages]]", "[[pipeline]]", "[[lever]]"]
)
def test_a_key_that_nobody_knows_is_refused_everywhere(name: str, table: str, tmp_path: Path) -> None:
    text = text_of(name)
    assert table in text
    at = text.index(table) + len(table) if table else 0
    path = tmp_path / "mine.toml"
    path.write_text(text[:at] + "\nnobody_knows = 1\n" + text[at:].partition("\n")[2], encoding="utf-8")
    with pytest.raises(ScenarioError, match="nobody_knows"):
        fs.read_scenario(path)


def test_of_100_addresses_come_50_targets_25_relationships_12_intents_and_6_closed() -> None:
    """The numbers of the course, 100-50-25-12-6, to the last digit."""
    funnel = fs.read_scenario("activity_funnel").funnel
    left = [100.0]
    for stage in range(funnel.stages.n_open):
        hazards = funnel.mean_hazards(stage)
        forward = hazards[:, stage + 1] / np.where(hazards.sum(axis=1) > 0, hazards.sum(axis=1), 1)
        assert np.ptp(forward[hazards.sum(axis=1) > 0]) < 1e-12  # at every age the same, so simply a share
        left.append(left[-1] * forward[-1])
    assert left == pytest.approx([100, 50, 25, 12, 6], rel=1e-12)
    nominal = [stage.nominal_win_rate for stage in funnel.stages.open]
    assert nominal == pytest.approx([6 / 100, 6 / 50, 6 / 25, 6 / 12], rel=1e-12)


def test_100_addresses_walked_to_their_end_close_6_times() -> None:
    """The same by the engine: two years on, all but a few in a million have come to an end."""
    scenario = fs.read_scenario("activity_funnel")
    hundred = replace(
        scenario.pipeline,
        deal_ids=np.array([f"address {i}" for i in range(100)], dtype=object),
        stage=np.zeros(100, dtype=np.int64),
        age_steps=np.zeros(100, dtype=np.int64),
        amount=np.full(100, np.nan),
        attributes={},
    )
    outlook = fs.forecast(scenario.funnel, hundred, periods="24M", measure="wins", engine=fs.Exact(n_draws=2))
    assert outlook.by_deal()["chance"].sum() == pytest.approx(6.0, abs=1e-3)


def test_the_readme_names_them_all() -> None:
    table = [line for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines() if "|" in line]
    for name in NAMES:
        (row,) = [line for line in table if f"`{name}`" in line]
        titles = fs.read_scenario(name).titles
        assert titles["en"] in row
        assert titles["zh"] in row
        assert f"| {len(content_of(name)['funnel']['stages'])} |" in row
    named = [line.split("`")[1] for line in table if "| `" in line and line.count("|") > 6]
    assert sorted(named) == sorted(NAMES)


def test_faults_look_as_the_readme_shows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("```text\n")[2].partition("\n```")[0]
    text = text_of("telesales")
    for right, wrong in (
        ("mean_per_block = 60", "mean_per_blok = 60"),
        ('stage = "Talked to"\ndeals', 'stage = "Talked"\ndeals'),
        ("target = 38_000 ", 'target = "38k" '),
    ):
        assert right in text
        text = text.replace(right, wrong)
    monkeypatch.chdir(tmp_path)
    Path("my_team.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as raised:
        fs.read_scenario("my_team.toml")
    assert f"Error: {raised.value}" == shown
