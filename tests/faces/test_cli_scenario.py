"""Commands on a scenario: the file's question, unless the command line asks another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import funnelsim as fs
from funnelsim.faces.cli import main

NAME = "account_selling"
QUICK = ("--draws", "10", "--engine", "exact")


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def test_a_forecast_of_a_scenario_is_that_of_its_parts() -> None:
    told = json.loads(run("forecast", "--scenario", NAME, *QUICK, "--format", "json").stdout)
    scenario = fs.read_scenario(NAME)
    outlook = fs.forecast(
        scenario.funnel,
        scenario.pipeline,
        periods=scenario.periods,
        target=scenario.target,
        engine=fs.Exact(n_draws=10),
    )
    assert told["scenario"]["titles"]["zh"] == "七步大客户销售"
    screen = run("forecast", "--scenario", NAME, *QUICK).stdout
    assert f"{100 * outlook.chance().value:.1f} %" in screen
    assert "Seven-step account selling" in screen


def test_what_the_command_line_asks_wins() -> None:
    screen = run("forecast", "--scenario", NAME, *QUICK, "--periods", "2Q", "--target", "700k").stdout
    assert "of 700,000 EUR or more in 2026-Q3 to 2026-Q4" in screen


def test_levers_are_those_of_the_scenario_unless_a_factor_is_given() -> None:
    own = run("levers", "--scenario", NAME, *QUICK).stdout
    assert "amount per win +5 %" in own
    assert "all together" in own
    three = run("levers", "--scenario", NAME, *QUICK, "--factor", "1.2").stdout
    assert "amount per win" not in three
    assert "new deals +20 %" in three


def test_a_scenario_takes_no_records_and_no_other_funnel(tmp_path: Path) -> None:
    assert "leave out" in run("forecast", "deals.csv", "--scenario", NAME, code=2).stderr
    assert "leave out --funnel" in run("forecast", "--funnel", "f.json", "--scenario", NAME, code=2).stderr
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("target = = 5\n", encoding="utf-8")
    assert "line 1" in run("forecast", "--scenario", str(wrong), code=1).stderr


@pytest.mark.parametrize("command", ["forecast", "levers"])
@pytest.mark.thorough
def test_people_of_a_scenario_bring_their_engine(command: str, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "scenarios" / f"{NAME}.toml").read_text(encoding="utf-8")
    text = text[: text.index("# Levers to compare")]
    text += '[[lever]]\nkind = "hire"\nn = 2\n[team]\n[[team.reps]]\nn = 9\n'
    text += "[work]\nhours = { Qualify = 3, Proof = 8 }\n"
    mine = tmp_path / "mine.toml"
    mine.write_text(text, encoding="utf-8")
    screen = run(
        command, "--scenario", str(mine), "--futures", "100", "--draws", "2", "--periods", "1Q"
    ).stdout
    assert "discrete events" in screen
    if command == "levers":
        assert "2 more reps" in screen
    else:
        assert "Reps' hours: 9 reps" in screen


def test_a_scenario_may_ask_for_cash_and_pull_on_payments(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "scenarios" / f"{NAME}.toml").read_text(encoding="utf-8")
    text = text.replace("[funnel.amounts]", "[funnel.collections]\nterms_days = 30\n\n[funnel.amounts]")
    text = text.replace('periods = "4Q"', 'measure = "cash"\nperiods = "3M"')
    text = text[: text.index("# Levers to compare")] + '[[lever]]\nkind = "collection"\nterms_days = 5\n'
    mine = tmp_path / "mine.toml"
    mine.write_text(text, encoding="utf-8")
    screen = run("levers", "--scenario", str(mine), "--futures", "200", "--draws", "10").stdout
    assert "terms of 5 days" in screen
    assert "Cash by period" in run("forecast", "--scenario", str(mine), "--futures", "200").stdout


MORE = """
[[spend]]
name = "fairs"
cost = 80_000
lever = { kind = "volume", factor = 1.5 }

[[spend]]
name = "training"
cost = 60_000
lever = { kind = "conversion", stage = "Qualify", odds = 1.8 }

[[quotas]]
by = "quarter"

[commission]
steps = [{ above = 0, rate = 0.05 }]

[activity]
weeks = 26
people = 4
visits = { Proof = 3 }
"""


@pytest.fixture(scope="module")
def richer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenario with things to buy, quotas, commission and activity."""
    text = (Path(__file__).parents[2] / "scenarios" / f"{NAME}.toml").read_text(encoding="utf-8")
    text = text.split("\n# What money buys")[0]
    path = tmp_path_factory.mktemp("scenario") / "richer.toml"
    path.write_text(text + MORE, encoding="utf-8")
    return path


@pytest.mark.thorough
def test_levers_tell_how_far_and_what_to_buy(richer: Path) -> None:
    asked = ["levers", "--scenario", richer, *QUICK]
    told = json.loads(run(*asked, "--chance", "0.5", "--budget", "50k", "--format", "json").stdout)
    scenario = fs.read_scenario(richer)
    needed = {row["lever"]: row["factor"] for row in told["needed"]}
    alone = fs.solve_for(
        scenario.funnel,
        scenario.pipeline,
        target=scenario.target,
        chance=0.5,
        levers={"new deals": fs.Volume},
        periods=scenario.periods,
        engine=fs.Exact(n_draws=10),
    )
    assert needed["new deals"] == pytest.approx(alone["factor"].iloc[0])
    assert max(row["cost"] for row in told["best_mix"]) <= 50_000 + 1e-6
    assert {"fairs", "training"} <= set(told["best_mix"][0])
    screen = run(*asked, "--chance", "0.5").stdout
    assert "How far each lever must move, alone, for a chance of 50 %" in screen
    assert "Cheapest mix for a chance of 50 %" in screen


def test_a_budget_needs_something_to_buy() -> None:
    asked = ["levers", "--scenario", "solution_selling", *QUICK, "--budget", "50k"]
    assert "[[spend]]" in run(*asked, code=2).stderr


def test_targets_of_a_scenario_have_its_quotas_pay_and_work(richer: Path) -> None:
    told = json.loads(run("targets", "--scenario", richer, *QUICK, "--format", "json").stdout)
    assert [split["by"] for split in told["splits"]] == ["quarter"]
    assert told["commission"][0]["mean"] == pytest.approx(0.05 * told["total"]["mean"], rel=1e-3)
    work = {row["activity"]: row for row in told["activity"]}
    assert work["wins"]["per_week"] == pytest.approx(work["wins"]["needed"] / 26)
    assert work["wins"]["per_week_per_person"] == pytest.approx(work["wins"]["needed"] / 26 / 4)
    assert work["visits"]["needed"] == pytest.approx(3 * work["Proof"]["needed"], rel=1e-6)  # nobody returns
    screen = run("targets", "--scenario", richer, *QUICK).stdout
    assert "Commission, EUR" in screen
    assert "What the target asks for" in screen


def test_keys_of_a_file_are_not_put_into_options(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "scenarios" / f"{NAME}.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("as_of = 2026-08-31", "as_off = 2026-08-31"), encoding="utf-8")
    told = run("forecast", "--scenario", path, code=1).stderr
    assert "did you mean 'as_of'?" in told
    assert "--as-of" not in told


def test_wins_have_no_weighted_pipeline_of_money() -> None:
    asked = ["forecast", "--scenario", NAME, *QUICK, "--measure", "wins", "--target", "30"]
    screen = run(*asked).stdout
    assert "weighted pipeline" not in screen
    assert "no amount" not in screen  # missing amounts move no number of wins
    assert json.loads(run(*asked, "--format", "json").stdout)["classical"] == []


def test_a_weekly_clock_asks_for_weeks_when_it_is_read(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "scenarios" / f"{NAME}.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('step = "day"', 'step = "week"'), encoding="utf-8")
    told = run("forecast", "--scenario", path, code=1).stderr
    assert "line 5: periods: " in told
    assert "whole weeks" in told


def test_long_names_of_levers_are_shown_whole(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "scenarios" / f"{NAME}.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    long = "Solution fit with every department that signs"
    path.write_text(
        text.replace("Solution fit", long).replace('"Qualify"\nto', f'"{long}"\nto'), encoding="utf-8"
    )
    screen = " ".join(run("levers", "--scenario", path, *QUICK).stdout.split())
    assert "…" not in screen
    assert "to 65 %" in screen
