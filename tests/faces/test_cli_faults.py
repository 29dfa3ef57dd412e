"""Every bad input: the same message through `check` and `forecast`, with place, value and the way out."""

import csv
import io
import json

import pytest
from click.testing import CliRunner, Result

from funnelsim.faces.cli import main
from funnelsim.faces.cli.failures import as_options

HEAD = "deal_id,created_at,amount,outcome,closed_at\n"
GOOD = "D1,2026-01-05,1000,won,2026-02-01\nD2,2026-01-06,500,lost,2026-02-02\nD3,2026-01-07,800,open,\n"
HISTORY_HEAD = "deal_id,stage,entered_at\n"
HISTORY = HISTORY_HEAD + "D1,lead,2026-01-05\nD2,lead,2026-01-06\nD3,lead,2026-01-07\nD1,offer,2026-01-15\n"
STAGES = '[[stage]]\nname = "lead"\n[[stage]]\nname = "offer"\n'
QUICK = {"check": [], "forecast": ["--futures", "100", "--draws", "4"]}

# name: (deals, what the message must hold besides the file's name)
DEALS = {
    "missing column": ("id,created_at\nD1,2026-01-05\n", ["'deal_id'", "--column"]),
    "misspelt column": (
        HEAD.replace("amount", "amont") + GOOD,
        ["'amont'", "did you mean", "--column amount=amont"],
    ),
    "duplicate id": (
        HEAD + GOOD + "D1,2026-01-05,1,open,\n",
        ["row", "5", "'deal_id'", "'D1'", "keep one row"],
    ),
    "unparsable date": (
        HEAD + GOOD + "D4,soon,1,open,\n",
        ["row 5", "'created_at'", "'soon'", "--date-format"],
    ),
    "ambiguous date": (
        HEAD + "D1,03/04/2026,1,open,\nD2,05/06/2026,1,open,\n",
        ["row 2", "'created_at'", "'03/04/2026'", "--date-format"],
    ),
    "impossible date": (
        HEAD + GOOD + "D4,2026-02-30,1,open,\n",
        ["row 5", "'created_at'", "'2026-02-30'", "no such day", "correct it"],
    ),
    "future date": (
        HEAD + GOOD + "D4,2199-01-01,1,open,\n",
        ["row 5", "'created_at'", "'2199-01-01'", "--as-of"],
    ),
    "negative amount": (
        HEAD + GOOD + "D4,2026-01-05,-7,open,\n",
        ["row 5", "'amount'", "'-7'", "leave it empty"],
    ),
    "infinite amount": (
        HEAD + GOOD + "D4,2026-01-05,inf,open,\n",
        ["row 5", "'amount'", "'inf'", "leave it empty"],
    ),
    "textual amount": (
        HEAD + GOOD + "D4,2026-01-05,lots,open,\n",
        ["row 5", "'amount'", "'lots'", "write a number"],
    ),
    "unknown outcome": (
        HEAD + GOOD + "D4,2026-01-05,1,maybe,\n",
        ["row 5", "'outcome'", "'maybe'", "--outcome-value"],
    ),
    "won without a date": (
        HEAD + GOOD + "D4,2026-01-05,1,won,\n",
        ["row 5", "'closed_at'", "fill in the date"],
    ),
    "empty file": ("", ["empty", "export"]),
    "header only": (HEAD, ["no row", "export"]),
    "not what its name says": ("PK\x03\x04 rubbish", ["Excel workbook", "rename"]),
    "mixed currencies": (
        HEAD.replace("\n", ",currency\n") + "D1,2026-01-05,1,open,,EUR\nD2,2026-01-05,1,open,,USD\n",
        ["'currency'", "EUR", "USD", "--rate EUR=... --rate USD=..."],
    ),
    "missing file": (None, ["cannot be read", "check the path"]),
}
# The same for the history beside good deals.
HISTORIES = {
    "unknown stage": (
        HISTORY + "D3,offr,2026-01-20\n",
        ["row 6", "'stage'", "'offr'", "did you mean 'offer'", "alias"],
    ),
    "won and lost at once": (
        HISTORY + "D1,won,2026-02-01\nD1,lost,2026-02-01\n",
        ["row 7", "'stage'", "'lost'", "delete the row"],
    ),
    "outcome against the history": (
        HISTORY + "D1,lost,2026-02-01\n",
        ["row 2", "'outcome'", "'won'", "correct"],
    ),
    "times without a zone": (HISTORY + "D3,offer,2026-01-20 10:30\n", ["row 6", "'entered_at'", "--tz"]),
    "move without a date": (HISTORY + "D3,offer,\n", ["row 6", "'entered_at'", "fill it in"]),
    "missing column": ("deal_id,step,entered_at\nD1,lead,2026-01-05\n", ["'stage'", "--history-column"]),
    "no deal in common": (HISTORY_HEAD + "X1,lead,2026-01-05\n", ["'X1'", "'D1'", "same kind of id"]),
}


def run(*arguments: object, code: int) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize("command", QUICK)
@pytest.mark.parametrize(("deals", "words"), DEALS.values(), ids=DEALS)
def test_bad_deals_are_refused_with_place_value_and_way_out(tmp_path, command, deals, words):
    path = tmp_path / "crm_deals.csv"
    if deals is not None:
        path.write_text(deals)
    result = run(command, path, *QUICK[command], code=1)
    assert result.stdout == ""
    for word in ("crm_deals.csv", *words):
        assert word in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", QUICK)
@pytest.mark.parametrize(("history", "words"), HISTORIES.values(), ids=HISTORIES)
def test_a_bad_history_is_refused_with_place_value_and_way_out(tmp_path, command, history, words):
    deals, moves, stages = write(tmp_path, history)
    result = run(command, deals, moves, "--stages", stages, *QUICK[command], code=1)
    for word in words:
        assert word in result.stderr


def write(folder, history):
    files = [folder / name for name in ("deals.csv", "history.csv", "stages.toml")]
    for path, text in zip(files, (HEAD + GOOD, history, STAGES), strict=True):
        path.write_text(text)
    return files


@pytest.mark.parametrize(
    ("history", "rule"),
    [
        (HISTORY + "ZZ,lead,2026-01-05\n", "unknown deal"),
        (HISTORY + "D1,offer,2026-02-09\n", "re-opened move"),
        (HISTORY.replace("entered_at\n", "entered_at,seq\n").replace("\nD1,offer,2026-01-15\n", "\n")
         .replace("-05\n", "-05,1\n").replace("-06\n", "-06,1\n").replace("-07\n", "-07,1\n")
         + "D1,offer,2026-01-04,2\n", "date out of order"),
    ],
)  # fmt: skip
def test_what_can_be_repaired_is_an_issue(tmp_path, history, rule):
    if rule == "re-opened move":
        history = history.replace("D1,offer,2026-01-15\n", "D1,won,2026-02-01\n")
    deals, moves, stages = write(tmp_path, history)
    assert rule in run("check", deals, moves, "--stages", stages, code=0).stdout
    assert "Issues" in run("forecast", deals, moves, "--stages", stages, *QUICK["forecast"], code=0).stdout


def test_refused_records_are_listed_for_programs(tmp_path):
    path = tmp_path / "deals.csv"
    path.write_text(HEAD + GOOD + "D4,2026-01-05,-7,open,\nD5,soon,1,open,\n")
    facts = json.loads(run("check", path, "--format", "json", code=1).stdout)
    assert facts["is_readable"] is False
    found = {(fault["row"], fault["column"]) for fault in facts["faults"]}
    assert found == {(5, "amount"), (6, "created_at")}
    rows = list(csv.DictReader(io.StringIO(run("check", path, "--format", "csv", code=1).stdout)))
    assert {row["value"] for row in rows} == {"soon", "'-7"}


def test_faulty_deals_can_be_set_aside(tmp_path):
    path = tmp_path / "deals.csv"
    path.write_text(HEAD + GOOD + "D4,2026-01-05,-7,open,\n")
    assert "--faulty set-aside" in run("check", path, code=1).stderr
    facts = json.loads(run("check", path, "--faulty", "set-aside", "--format", "json", code=0).stdout)
    assert facts["deals"] == {"won": 1, "lost": 1, "open": 1}
    assert [issue["deal_id"] for issue in facts["issues"] if issue["level"] == "left out"] == ["D4"]


def test_the_way_out_that_a_message_names_works(tmp_path):
    path = tmp_path / "deals.csv"
    path.write_text("Id,created_at,amont,currency,outcome\nD1,05/01/26,1,EUR,open\nD2,06/01/26,2,USD,open\n")
    ways = ["--column", "deal_id=Id", "--column", "amount=amont", "--date-format", "%d/%m/%y"]
    money = ["--rate", "EUR=1", "--rate", "USD=0.9", "--unit", "EUR"]
    facts = json.loads(run("check", path, *ways, *money, "--format", "json", code=0).stdout)
    assert (facts["unit"], facts["deals"]["open"]) == ("EUR", 2)
    assert "is not a number" in run("check", path, "--rate", "EUR=x", code=1).stderr


def test_guessed_stages_are_told_once_on_stderr(tmp_path):
    deals, moves, _ = write(tmp_path, HISTORY)
    result = run("check", deals, moves, code=0)
    assert result.stderr.count("warning: no stages were given") == 1
    assert "--stages" in result.stderr
    assert "inferred" in result.stdout
    assert run("check", deals, moves, "--quiet", code=0).stderr == ""


def test_levers_need_a_target_for_own_files(tmp_path):
    deals, moves, stages = write(tmp_path, HISTORY)
    assert "--target" in run("levers", deals, moves, "--stages", stages, code=2).stderr


def test_deals_without_amounts_are_counted(tmp_path):
    path = tmp_path / "deals.csv"
    path.write_text(
        "deal_id,created_at,outcome,closed_at\nD1,2026-01-05,won,2026-02-01\nD2,2026-01-06,open,\n"
    )
    for by in ("period", "stage", "deal"):
        wins = ("--target", "3", "--measure", "wins")
        screen = run("forecast", path, "--by", by, *wins, *QUICK["forecast"], code=0).stdout
        assert "3 wins" in screen
        assert "only the number of wins" in screen


@pytest.mark.parametrize(
    ("python", "shell"),
    [
        ("date_format= (such as '%d/%m/%Y')", "--date-format (such as '%d/%m/%Y')"),
        ("as_of='2026-13-01': no", "--as-of '2026-13-01': no"),
        ("decimal='.' or decimal=','", "--decimal '.' or --decimal ','"),
        ("columns={'deal_id': ...}", "--column deal_id=..."),
        ("history_columns={'stage': 'Stage name'}", '--history-column "stage=Stage name"'),
        ("rates={'EUR': ..., 'USD': ...}, and unit=", "--rate EUR=... --rate USD=..., and --unit"),
        ("n_draws (1) must be at least 2", "--draws (1) must be at least 2"),
        ("a value of 5 = five", "a value of 5 = five"),
        (
            "to_datetime(column, unit='s') (or 'ms'), or unit='s'",
            "to_datetime(column, unit='s') (or 'ms'), or --unit s",
        ),
        ("fit(history, classes='region') does", "--classes region does"),
        ("fit(history, classes='deal size') does", '--classes "deal size" does'),
        ("use columns= of read_deals, or measure='wins'", "use --column, or --measure wins"),
        ("a prior: calibrate(history, funnel) measures it", "a prior: `funnelsim report` measures it"),
        ("as_of was not given", "--as-of was not given"),
        ("read.as_of: 'as_of' is a key", "read.as_of: 'as_of' is a key"),
        ("after 2026-08-31T23:59:59.999999, not 2026-09-01T00:00:00", "after 2026-08-31, not 2026-09-01"),
        ("at 2026-08-31T10:30:07.5 or '2026-08-31T10:30:07'", "at 2026-08-31 10:30 or '2026-08-31T10:30:07'"),
    ],
)
def test_messages_speak_of_options(python, shell):
    assert as_options(python) == shell


def test_a_moment_not_known_yet_is_a_day():
    error = run("check", "--as-of", "2030-01-01", code=1).stderr
    assert "2030-01-01 lies after the cutoff 2026-08-31: it is not known yet" in error


def test_a_cutoff_within_a_day_is_told_to_the_minute(tmp_path):
    deals = tmp_path / "deals.csv"
    deals.write_text(HEAD + GOOD.replace("-05,", "-05T09:00,"))
    arguments = ["--step", "hour", "--tz", "UTC", "--as-of", "2026-01-20T10:30"]
    assert "as of 2026-01-20 " in run("check", deals, *arguments, code=0).stdout
    assert "2026-01-20T1" not in run("check", deals, *arguments, code=0).stdout


@pytest.mark.parametrize("command", ["forecast", "levers", "demo"])
def test_too_few_futures_for_a_chance_are_refused(command):
    error = run(command, "--futures", 99, "--draws", 2, code=2).stderr
    assert "--futures" in error
    assert "99 is below 100, too few to read a range or a chance off them" in error


def test_amounts_of_zero_are_taken_as_none(tmp_path):
    deals = tmp_path / "deals.csv"
    deals.write_text(HEAD + GOOD.replace(",1000,", ",0,").replace(",500,", ",0,").replace(",800,", ",0,"))
    screen = run("forecast", deals, "--target", "3", *QUICK["forecast"], code=1)
    assert "--measure wins" in screen.stderr
    wins = ("--target", "3", "--measure", "wins")
    screen = run("forecast", deals, *wins, *QUICK["forecast"], code=0).stdout
    assert "Number of wins by period" in screen
    assert "only the number of wins is forecast" in screen
    assert "Classical" not in screen
    deals.write_text(HEAD + GOOD.replace(",1000,", ",0,"))  # one open deal has an amount
    assert "Bookings by period" in run("forecast", deals, *QUICK["forecast"], code=0).stdout


def test_amounts_put_in_for_missing_ones_are_told_with_what_is_realised(tmp_path):
    deals = tmp_path / "deals.csv"
    deals.write_text(HEAD + GOOD + "D4,2026-01-05,,won,2026-02-03\nD5,2026-01-05,,won,2026-02-03\n")
    screen = run("forecast", deals, *QUICK["forecast"], code=0).stdout
    told = " ".join(screen.split())
    assert "2 wins of the running period have no amount: what is realised counts each" in told
    assert "with the mean of won deals, 1,000" in told
    total = next(line for line in screen.splitlines() if line.startswith("total"))
    assert total.split()[1] == "3,000"
