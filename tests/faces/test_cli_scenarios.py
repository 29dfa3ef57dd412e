"""``funnelsim scenarios``: what ships is listed, one is shown with its gates, and a copy is the file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from funnelsim.faces.cli import main

FOLDER = Path(__file__).parents[2] / "scenarios"


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["scenarios", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_all_that_ship_are_listed_with_their_titles(lang: str) -> None:
    screen = run("--lang", lang).stdout
    for path in FOLDER.glob("*.toml"):
        row = next(line for line in screen.split("\n") if line.startswith(f"{path.stem} "))
        title = tomllib.loads(path.read_text(encoding="utf-8"))["title"][lang]
        assert title[:38] in row


def test_one_is_shown_with_the_days_and_gates_of_its_file() -> None:
    content = tomllib.loads((FOLDER / "telesales.toml").read_text(encoding="utf-8"))
    screen = " ".join(run("telesales").stdout.split())
    for stage in content["funnel"]["stages"]:
        assert f"{stage['usual_days']:g} " in screen
        assert stage.get("gate", "") in screen
    assert "target 38,000 CNY, periods 4W" in screen


def test_a_copy_is_the_file_and_can_be_shown(tmp_path: Path) -> None:
    copied = tmp_path / "mine.toml"
    run("telesales", "--copy", copied)
    assert copied.read_bytes() == (FOLDER / "telesales.toml").read_bytes()
    assert "Telesales" in run(copied).stdout


def test_a_copy_replaces_nothing_unless_it_is_told_to(tmp_path: Path) -> None:
    there = tmp_path / "mine.toml"
    there.write_text("mine")
    assert "--force" in run("telesales", "--copy", there, code=1).stderr
    assert there.read_text() == "mine"
    run("telesales", "--copy", there, "--force")
    assert there.read_text(encoding="utf-8").startswith("# Telesales")


def test_a_wrong_name_and_a_copy_of_nothing_say_the_way_out(tmp_path: Path) -> None:
    assert "did you mean 'telesales'" in run("telesale", code=1).stderr
    assert "funnelsim scenarios NAME --copy FILE" in run("--copy", tmp_path / "x.toml", code=2).stderr
