import doctest
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import funnelsim
from funnelsim.faces.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.thorough
def test_examples_print_what_they_show() -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False, optionflags=flags)
    assert tried > 5
    assert failed == 0


def test_demo_screen_is_the_one_the_command_prints() -> None:
    shown = re.search(r"<!-- demo -->\n```text\n(.*?)```", README, flags=re.DOTALL)
    assert shown is not None
    printed = CliRunner().invoke(main, ["demo"]).stdout
    # Digits may differ in the last place between machines; words, layout and order may not.
    assert _without_digits(shown[1]) == _without_digits(printed)


def test_continuous_integration_runs_the_second_command() -> None:
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def _without_digits(text: str) -> str:
    return re.sub(r"[█▒ ]+|\d", "", text)


def test_files_and_names_it_speaks_of_exist() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r"\]\(([^)#:]+)#", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
    names = set(re.findall(r"`fs\.(\w+)", README))
    assert [name for name in names if not hasattr(funnelsim, name) and name != "plot_"] == []
