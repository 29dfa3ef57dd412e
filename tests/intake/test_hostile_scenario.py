"""A hostile scenario: faults of every kind in every table, all told in one round; and none in a second."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import funnelsim as fs
from funnelsim.intake.scenarios import ScenarioError

TEXT = (Path(__file__).parent / "every_table.toml").read_text(encoding="utf-8")
ROWS = (Path(__file__).parent / "every_fault.tsv").read_text(encoding="utf-8").splitlines()[1:]
# What is right, what is wrong, the key, and words of what is said.
MANY = [tuple(cell.replace("\\n", "\n") for cell in row.split("\t")) for row in ROWS]
# Pairs of which the second waited for a second round: it was found only where the first was mended.
BESIDE = (
    ("weights = [30, 40, 20, 5]", "weights = [3]\nis_certain = 'y'", ["is_certain", "weights as p"]),
    ("points = [1_000, 2_500, 4_500, 9_000]\nweights = [30, 40, 20, 5]", "points = [2, 1]\nweights = [30]",
     ["points must not decrease", "weights as points"]),
    ("odds = 1.4\n", "od = 1.4\nto = 0.5\n", ["did you mean 'odds'", "needs either odds"]),
    ('odds = 1.4\nattribute = "region"', "odds = -1.4", ["greater than 0", "values need the attribute"]),
    ('["South"]', '["Sout"]\noutside_top = 2', ["did you mean 'South'", "less than or equal to 1"]),
    ("Call = 1, Talk = 0.2", "Cal = 1, Tlak = 0.2, Ordered = 1",
     ["did you mean 'Call'", "did you mean 'Talk'", "arrive in open stages"]),
    ('name = "Ordered"\n', "", ["Field required"]),
    ('age_steps = 1\n', 'age_step = "one"\n', ["did you mean 'age_steps'", "valid integer"]),
)  # fmt: skip


def refused(text: str, tmp_path: Path) -> list[str]:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as raised:
        fs.read_scenario(path)
    return str(raised.value).splitlines()[1:]


def changed(*changes: tuple[str, str]) -> str:
    text = TEXT
    for right, wrong in changes:
        assert text.count(right) == 1, right
        text = text.replace(right, wrong)
    return text


def test_without_faults_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "fine.toml").write_text(TEXT, encoding="utf-8")
    assert fs.read_scenario(tmp_path / "fine.toml").spending[0].name == "fairs"


def test_faults_of_every_table_take_one_round(tmp_path: Path) -> None:
    """Each is told by its key, once, and nothing that only follows from another."""
    told = refused(changed(*((row[0], row[1]) for row in MANY)), tmp_path)
    missed = [row for row in MANY if not any(f": {row[2]}: " in line and row[3] in line for line in told)]
    assert missed == []
    assert len(told) == len(MANY)


@pytest.mark.parametrize(("right", "wrong", "said"), BESIDE)
def test_what_waited_behind_another_fault_is_told_beside_it(
    right: str, wrong: str, said: list[str], tmp_path: Path
) -> None:
    """A fault elsewhere, of a name, shows that the rest is still checked."""
    told = refused(changed((right, wrong), ('by = "region"', 'by = "regon"')), tmp_path)
    for words in [*said, "did you mean 'region'"]:
        assert [row for row in told if words in row], (words, told)
    assert len(told) == len(said) + 1


def test_a_part_that_is_wrong_is_not_missed_by_levers(tmp_path: Path) -> None:
    """Levers by region and on payments stand beside faults of classes and collections."""
    text = changed(("entries = { Call = 24 }", "entries = { Cal = 24 }"), ("[0.6, 30]]", "[0.5, 30]]"))
    assert len(refused(text, tmp_path)) == 2


@pytest.mark.parametrize("row", MANY, ids=[row[2] for row in MANY])
def test_each_fault_is_told_in_chinese(row: tuple[str, ...], tmp_path: Path) -> None:
    """Nothing but keys, names and words of the file stays English."""
    path = tmp_path / "mine.toml"
    path.write_text(changed((row[0], row[1])), encoding="utf-8")
    with pytest.raises(ScenarioError) as raised, fs.use_language("zh"):
        fs.read_scenario(path)
    fault = str(raised.value).splitlines()[1].partition("：")[2]
    assert re.search("[㐀-鿿]", fault), fault
