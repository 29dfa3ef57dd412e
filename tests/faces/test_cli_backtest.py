"""``funnelsim backtest``: a verdict, a table, and the same figures for programs."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from funnelsim.faces.cli import main

QUICK = ["backtest", "--origins", "4", "--draws", "5"]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, [*QUICK, *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_screen_begins_with_the_verdict() -> None:
    screen = run("--rivals", "none")
    assert "80 % ranges held in" in screen
    assert "by block bootstrap" in screen or "too few independent origins" in screen
    assert "Bookings of deals open at the origin" in screen
    assert "Brier skill" in screen


@pytest.mark.thorough
def test_programs_get_the_same_figures(tmp_path) -> None:
    told = json.loads(run("--format", "json"))
    assert told["verdict"].startswith("80 % ranges held in")
    assert {row["method"] for row in told["scores"]} > {"funnelsim", "weighted pipeline (historical)"}
    assert told["origins"] == 4
    path, picture = tmp_path / "cells.csv", tmp_path / "held.png"
    run("--rivals", "none", "-o", str(path), "--plot", str(picture))
    cells = pd.read_csv(path)
    assert cells["origin"].nunique() == 4
    assert (cells["crps"] >= 0).all() or cells["crps"].min() > -1e-9 * cells["actual"].max()
    assert picture.stat().st_size > 5_000


def test_what_cannot_be_tested_is_told_without_a_traceback() -> None:
    result = CliRunner().invoke(main, [*QUICK, "--periods", "soon"])
    assert result.exit_code == 1
    assert "write the number and length of the periods" in result.output
