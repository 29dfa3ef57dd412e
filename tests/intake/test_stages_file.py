import datetime as dt
import subprocess
import sys

import pytest

from funnelsim.intake.stages_file import StagesFileError, read_stages
from funnelsim.vocabulary.stages import Outcome, Stage

WHOLE = """
[read]
step = "week"
tz = "Europe/Amsterdam"
file_tz = "UTC"
unit = "EUR"
as_of = 2012-03-14
window_start = 2011-10-01T08:00:00
arrivals_until = "2012-02-29"
date_format = "%d/%m/%Y"
decimal = ","

[columns.deals]
deal_id = "Id"

[columns.history]
stage = "New stage"

[outcome_values]
Dead = "lost"
Parked = "open"
"*" = ""

[moves]
skipped = "merge"
backward = "reject"
reopened = "cut"

[[stage]]
name = "lead"
aliases = ["new", "prospect"]
nominal_win_rate = 0.1
necessary_days = 3
usual_days = 10.5
gate = "a named sponsor"

[[stage]]
name = "offer"

[[outcome]]
name = "won"
kind = "won"
aliases = ["signed"]

[[outcome]]
name = "lost"
kind = "lost"
"""


def test_a_whole_file_is_read(write):
    file = read_stages(write("stages.toml", WHOLE))
    first, second = file.stages.open
    assert first == Stage("lead", ("new", "prospect"), 0.1, 3.0, 10.5, "a named sponsor")
    assert second == Stage("offer")
    assert file.stages.outcomes == (Outcome("won", "won", ("signed",)), Outcome("lost", "lost"))
    assert (file.stages.skipped, file.stages.backward, file.stages.reopened) == ("merge", "reject", "cut")
    reading = file.reading
    assert (reading.step, reading.tz, reading.file_tz, reading.unit) == (
        "week",
        "Europe/Amsterdam",
        "UTC",
        "EUR",
    )
    assert (reading.date_format, reading.decimal) == ("%d/%m/%Y", ",")
    assert reading.as_of == dt.date(2012, 3, 14)
    assert reading.window_start == dt.datetime(2011, 10, 1, 8)
    assert reading.arrivals_until == "2012-02-29"
    assert (reading.deals_columns, reading.history_columns) == ({"deal_id": "Id"}, {"stage": "New stage"})
    assert reading.outcome_values == {"Dead": "lost", "Parked": "open", "*": ""}


def test_stages_alone_are_enough(write):
    file = read_stages(write("stages.toml", '[[stage]]\nname = "lead"\n'))
    assert file.stages.names == ("lead", "won", "lost")
    assert file.reading.step is None


LEAD = '[[stage]]\nname = "lead"\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LEAD + 'nominal_win_rat = 0.1', "nominal_win_rat is not known; did you mean 'nominal_win_rate'?"),
        (LEAD + 'nominal_win_rate = 20', "('lead'), nominal_win_rate = 20: must be a number of 1 or less;"),
        ('[[stage]]\nusual_days = 3', "[[stage]] no. 1, name is missing"),
        (LEAD + '[reed]\nstep = "day"', "key 'reed' is not known; did you mean 'read'?"),
        (LEAD + '[read]\nstpe = "day"', "[read] stpe is not known; did you mean 'step'?"),
        (LEAD + '[read]\nstep = "dya"', "[read] step = 'dya'"),
        (LEAD + '[moves]\nreopened = "keep"', "[moves] reopened = 'keep'"),
        (LEAD + '[columns.deal]\nx = "y"', "[columns] deal is not known; did you mean 'deals'?"),
        (LEAD + '[[outcome]]\nname = "won"\nkind = "win"', "[[outcome]] no. 1 ('won'), kind = 'win'"),
        (LEAD + '[[outcome]]\nname = "lost"\nkind = "lost"', "no outcome is of kind 'won'"),
        (LEAD + '[[stage]]\nname = "lead"', "repeated: lead"),
        (LEAD + '[outcome_values]\nDead = "losst"', "no such outcome; did you mean 'lost'?"),
        ('[read]\nstep = "day"', "key 'stage' is missing"),
    ],
)  # fmt: skip
def test_a_fault_names_its_key_and_what_was_meant(write, content, message):
    with pytest.raises(StagesFileError) as error:
        read_stages(write("stages.toml", content))
    assert message in str(error.value)
    assert "stages.toml" in str(error.value)


def test_all_faults_are_told_at_once(write):
    content = (
        '[read]\nstep = "dya"\nzone = "UTC"\n[[stage]]\nname = "lead"\ngaet = "x"\n[[stage]]\nusual_days = -1'
    )
    with pytest.raises(StagesFileError) as error:
        read_stages(write("stages.toml", content))
    lines = str(error.value).splitlines()
    assert "5 fault(s)" in lines[0]
    assert len(lines) == 6


def test_broken_toml_names_the_line(write):
    with pytest.raises(StagesFileError, match=r"stages\.toml.*at line 2"):
        read_stages(write("stages.toml", "[[stage]]\nname = lead\n"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StagesFileError, match=r"none\.toml.*check the path"):
        read_stages(tmp_path / "none.toml")


def test_pydantic_is_not_loaded_before_a_stages_file_is_read():
    code = "import sys, funnelsim.intake.deals; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
