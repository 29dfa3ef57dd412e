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


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
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
