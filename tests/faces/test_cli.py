"""Every command on the embedded sample, in every format; what is promised of all of them."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from funnelsim import Forecast
from funnelsim.faces.cli import main
from funnelsim.faces.cli.options import amount, pair
from funnelsim.faces.cli.parts import lever_lines
from funnelsim.faces.tables import display_width
from funnelsim.questions import worlds
from funnelsim.questions.backtest import run as backtests

QUICK = ["--futures", "200", "--draws", "10"]
COMMANDS = {
    "check": ["check"],
    "fit": ["fit", "--draws", "10"],
    "forecast": ["forecast", *QUICK, "--target", "5.5M"],
    "by deal": ["forecast", *QUICK, "--by", "deal"],
    "by stage": ["forecast", *QUICK, "--by", "stage"],
    "levers": ["levers", *QUICK],
    "targets": ["targets", *QUICK, "--periods", "2Q", "--by", "month", "--by", "region", "--fairest"],
    "demo": ["demo", *QUICK],
}


@pytest.fixture(scope="module", autouse=True)
def one_sample() -> Iterator[None]:
    """The sample is made once and its backtest in the demo run once; neither can be changed by a command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worlds, "simulate_history", cache(worlds.simulate_history))
        patch.setattr(backtests, "backtest", cache(backtests.backtest))
        yield


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def script(source: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        **options,
    )


def strict_json(text: str) -> dict:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_screens_fit_a_page_and_end_in_no_empty_line(arguments):
    lines = run(*arguments).stdout.split("\n")
    assert max(display_width(line) for line in lines) <= 100
    assert lines[-1] == ""
    assert lines[-2] != ""
    assert not any(line != line.rstrip() for line in lines)


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_json_is_strict(arguments):
    facts = strict_json(run(*arguments, "--format", "json").stdout)
    if arguments[0] == "fit":
        assert facts["format"].startswith("funnelsim-funnel/")
        return
    assert facts["command"] == arguments[0]
    assert facts["version"]
    assert facts["source"] == "embedded sample"


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_csv_has_one_header_and_rows_of_its_width(arguments):
    content = run(*arguments, "--format", "csv").stdout_bytes
    assert content.endswith(b"\r\n")
    assert content.count(b"\n") == content.count(b"\r\n")
    header, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
    assert len(set(header)) == len(header)
    assert {len(row) for row in rows} == {len(header)}


def test_a_forecast_in_json_says_how_it_was_made():
    facts = strict_json(run(*COMMANDS["forecast"], "--format", "json", "--seed", 7).stdout)
    assert (facts["seed"], facts["futures"], facts["draws"]) == (7, 200, 10)
    assert facts["engine"] == "Monte Carlo"
    assert facts["units"]["figures"] == "EUR"
    assert facts["records"]["cutoff"] == "2026-08-31"
    assert 0 < facts["chance"]["value"] < 1
    assert facts["chance"]["standard_error"] > 0
    assert [row["period"] for row in facts["periods"]] == ["2026-Q3", "2026-Q4", "2027-Q1", "2027-Q2"]
    assert facts["total"]["p10"] < facts["total"]["p50"] < facts["total"]["p90"]
    assert facts["classical"][0]["coin_flip_p10"] < facts["classical"][0]["figure"]


@pytest.mark.usefixtures("all_threads")
def test_the_seed_decides_every_byte_and_workers_none():
    arguments = [*COMMANDS["forecast"], "--format", "json"]
    first = run(*arguments).stdout_bytes
    assert run(*arguments).stdout_bytes == first
    assert run(*arguments, "--workers", 2).stdout_bytes == first
    assert run(*arguments, "--seed", 1).stdout_bytes != first


@pytest.mark.parametrize("name", ["forecast", "levers", "demo"])
def test_the_screen_says_its_seed(name):
    assert "seed 3" in run(*COMMANDS[name], "--seed", 3).stdout


def test_the_demo_is_one_screen_with_the_whole_story():
    """With few futures; `test_readme.py` holds the screen of the usual number."""
    screen = run("demo", *QUICK).stdout
    assert screen.count("\n") <= 45
    for part in (
        "2,258 deals",
        "Issues",
        "5,500,000 EUR",
        "±",
        "80 % of the futures end between",
        "Realised",
        "P10",
        "P50",
        "P90",
        "Mean",
        "Classical",
        "sum over open deals of",
        "coin-flip 80 % range",
        "leaves out",
        "conversion at every step",
        "new deals +10 %",
        "speed at every step",
        "points",
        "Notes",
        "funnelsim forecast deals.csv",
        "seed 0",
    ):
        assert part in screen, part


def test_levers_are_ranked():
    changes = [
        row["change_of_chance"]
        for row in strict_json(run("levers", *QUICK, "--format", "json").stdout)["levers"]
    ]
    assert changes[0] == 0  # as it is
    assert changes[1:-1] == sorted(changes[1:-1], reverse=True)  # the last: all together


def test_levers_far_from_the_target_say_so():
    assert "No simulated future is decided" in run("levers", *QUICK, "--target", "9B").stdout


def test_without_a_file_the_sample_is_named_unless_quiet():
    assert "embedded sample" in run("check").stderr
    assert run("check", "--quiet").stderr == ""


def test_without_a_target_no_chance_is_shown():
    result = run("forecast", *QUICK)
    assert "ask with --target" in result.stdout
    facts = strict_json(run("forecast", *QUICK, "--format", "json").stdout)
    assert facts["chance"] is None
    assert facts["target"] is None


@pytest.mark.parametrize(("target", "words"), [("1k", "above 98.50 %"), ("9B", "below 1.50 %")])
def test_a_chance_of_none_or_all_futures_is_a_bound(target, words):
    assert words in run("forecast", *QUICK, "--target", target).stdout


@pytest.mark.parametrize(
    "text",
    [
        "5000000", "5_000_000", "5,000,000", "5M", "5m", "5000k", "0.005B", "5,000,000.0", "0.005bn", "500万",
        "500萬", "0.05亿", "500万元", "５００万", "5000000元", "¥500万", "￥500万",
    ],
)  # fmt: skip
def test_amounts_as_people_write_them(text):
    assert amount(text) == 5_000_000


def test_a_fraction_of_an_amount_is_exact():
    assert amount("1.1亿") == 110_000_000
    assert amount("0.29M") == 290_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-5",
        "nan",
        "inf",
        "5,5M",
        "50,00",
        "five",
        "1e6",
        "5 M",
        "5MM",
        "1_0",
        "万",
        "12,34万",
        "5万亿",
        "五百万",
        "500¥",
    ],
)
def test_other_amounts_are_wrong_usage(text):
    assert "is no amount above 0" in run("forecast", f"--target={text}", code=2).stderr


def test_pairs_may_hold_the_sign_again():
    assert pair("amount=a=b") == ("amount", "a=b")


def test_periods_and_fiscal_years_reach_the_forecast():
    table = run("forecast", *QUICK, "--periods", "2Q", "--fiscal-start-month", 4, "--format", "csv").stdout
    assert [line.split(",")[0] for line in table.splitlines()] == [
        "period",
        "FY2027-Q2",
        "FY2027-Q3",
        "total",
    ]
    table = run("forecast", *QUICK, "--periods", "2026-09-01, 2026-10-15", "--format", "csv").stdout
    assert "2026-09-01 to 2026-10-15" in table


def test_the_sample_can_be_seen_earlier():
    facts = strict_json(run("check", "--as-of", "2026-03-31", "--format", "json").stdout)
    assert facts["cutoff"] == "2026-03-31"
    assert "is not a date" in run("check", "--as-of", "soon", code=1).stderr
    assert "not known yet" in run("check", "--as-of", "2030-01-01", code=1).stderr


def test_options_about_files_need_files():
    assert "add DEALS" in run("check", "--tz", "UTC", code=2).stderr
    assert "--column" in run("check", "--column", "deal_id=Id", code=2).stderr


def test_a_simulated_crm_is_read_back_as_the_sample(tmp_path):
    told = run("simulate", "-o", tmp_path / "crm").stderr
    assert "seed 0" in told
    files = [tmp_path / "crm" / name for name in ("deals.csv", "stage_history.csv")]
    arguments = [*QUICK, "--target", "5.5M", "--format", "json"]
    read = strict_json(
        run("forecast", *files, "--stages", tmp_path / "crm" / "stages.toml", *arguments).stdout
    )
    made = strict_json(run("forecast", *arguments).stdout)
    assert read.pop("source") != made.pop("source")
    assert read.pop("records")["deals"] == made.pop("records")["deals"]
    assert read == made


def test_a_simulated_crm_keeps_its_seed_dates_and_truth(tmp_path):
    arguments = [
        "--start",
        "2025-01-01",
        "--as-of",
        "2025-06-30",
        "--window-start",
        "2025-02-01",
        "--seed",
        5,
    ]
    for name in ("a", "b"):
        run("simulate", "-o", tmp_path / name, *arguments, "--quiet")
    for name in ("deals.csv", "stage_history.csv", "stages.toml", "funnel.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    history = list(csv.DictReader((tmp_path / "a" / "stage_history.csv").read_text().splitlines()))
    assert min(row["entered_at"] for row in history) < "2025-02-01"
    assert min(row["entered_at"] for row in history if row["stage"] in ("won", "lost")) >= "2025-02-01"
    assert 'window_start = "2025-02-01"' in (tmp_path / "a" / "stages.toml").read_text()
    run("forecast", *QUICK, "--funnel", tmp_path / "a" / "funnel.json", "--quiet")


@pytest.mark.parametrize(
    "dates",
    [
        ["--start", "2026-01-01", "--as-of", "2025-01-01"],
        ["--window-start", "2023-01-01"],
        ["--window-start", "2027-01-01"],
        ["--start", "0001-01-01", "--as-of", "0002-01-01"],
        ["--start", "9999-12-01", "--as-of", "9999-12-31"],
    ],
)
def test_impossible_dates_of_a_simulation_are_refused(tmp_path, dates):
    assert "must lie" in run("simulate", "-o", tmp_path / "crm", *dates, code=1).stderr
    assert not (tmp_path / "crm").exists()


def test_a_saved_funnel_forecasts_as_the_fitted_one(tmp_path):
    run("fit", "-o", tmp_path / "funnel.json")
    arguments = ["forecast", *QUICK, "--format", "json"]
    assert run(*arguments, "--funnel", tmp_path / "funnel.json").stdout == run(*arguments).stdout


def test_a_funnel_of_other_stages_or_another_unit_is_refused(tmp_path):
    run("fit", "-o", tmp_path / "funnel.json")
    text = (tmp_path / "funnel.json").read_text()
    (tmp_path / "other.json").write_text(text.replace("Solution", "Offer"))
    error = run("forecast", *QUICK, "--funnel", tmp_path / "other.json", code=1).stderr
    assert "Qualify, Develop, Offer" in error
    (tmp_path / "usd.json").write_text(text.replace('"EUR"', '"USD"'))
    assert "counts USD" in run("forecast", *QUICK, "--funnel", tmp_path / "usd.json", code=1).stderr
    assert "cannot be read" in run("forecast", "--funnel", tmp_path / "none.json", code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["forecast", "--periods", "4X"], "'4Q', '6M', '13W'"),
        (["forecast", "--periods", "2020-01-01,2020-02-01"], "nothing is left to forecast"),
        (["forecast", "--futures", "100", "--draws", "101"], "--futures 100 at least --draws"),
        (["levers", "--factor", "0"], "factor above 0"),
    ],
)
def test_requests_that_cannot_be_honoured_end_in_a_message(arguments, words):
    result = run(*arguments, code=1)
    assert words in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("command", ["", "demo", "check", "fit", "forecast", "levers", "targets", "simulate"])
def test_help_has_an_example_at_every_level(command):
    text = run(*command.split(), "--help").stdout
    assert f"funnelsim {command or 'demo'}" in text.split("Options:")[1]
    assert "Show this message" in text


def test_help_loads_nothing_heavy():
    done = script(
        "import sys\n"
        "from funnelsim.faces.cli import main\n"
        "try: main(['forecast', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'scipy', 'matplotlib', 'pydantic', 'joblib', 'simpy'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_installed_program_says_its_version():
    program = Path(sys.executable).with_name("funnelsim")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("funnelsim, version ")


def test_ctrl_c_ends_with_130_and_no_traceback():
    done = script(
        "import os, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # background jobs of a shell ignore it
        "from funnelsim.faces.cli import main\n"
        "import funnelsim.questions.worlds as worlds\n"
        "worlds.simulate_history = lambda **_: os.kill(os.getpid(), signal.SIGINT)\n"
        "main(['check', '--quiet'])"
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_a_reader_that_stops_early_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", "from funnelsim.faces.cli import main; main(['check', '--quiet'])"],
        stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_unicode_gets_ascii():
    done = script(
        "from funnelsim.faces.cli import main; main(['levers', '--futures', '100', '--draws', '2'])",
        env=os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "+-" in done.stdout


def test_too_little_memory_is_said_without_a_traceback(monkeypatch):
    def fail(*_: object) -> Forecast:
        raise MemoryError

    monkeypatch.setattr("funnelsim.engines.exact.Exact.run", fail)
    assert "fewer --draws" in run("forecast", code=1).stderr


def test_progress_is_for_people_at_a_terminal_only():
    assert "..." not in run("forecast", *QUICK).stderr


@pytest.mark.parametrize("name", ["forecast", "levers"])
def test_a_picture_is_drawn_beside_the_result(tmp_path, name):
    result = run(*COMMANDS[name], "--plot", tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert "P50" in result.stdout
    assert "exists" in run(*COMMANDS[name], "--plot", tmp_path / "picture.png", code=1).stderr
    assert "no picture" in run(*COMMANDS[name], "--plot", tmp_path / "picture.doc", code=2).stderr


def test_every_error_is_one_standard_error_in_points():
    arguments = ["levers", *QUICK]
    facts, screen = strict_json(run(*arguments, "--format", "json").stdout), run(*arguments).stdout
    chance = facts["chance"]
    told = f"{100 * chance['value']:.1f} % ± {100 * chance['standard_error']:.1f} points (one standard error)"
    assert told in screen
    for lever in facts["levers"][1:]:
        change, error = 100 * lever["change_of_chance"], 100 * lever["change_se"]
        assert f"{change:+.1f} ± {error:.1f} points" in screen
    assert "SE are one standard error" in " ".join(screen.split())


def test_the_shaded_end_of_a_bar_is_one_standard_error():
    """A change of 0.5 ± 0.25 is solid to 0.25 and shaded to 0.75; at two errors it would all be shaded."""
    table = pd.DataFrame(
        {"change_of_chance": [0.0, 0.5], "change_se": [0.0, 0.25]}, index=["as it is", "more"]
    )
    (bar,) = lever_lines(SimpleNamespace(table=lambda: table))
    assert bar.count("▒") == 2 * bar.count("█")


def test_levers_at_every_step_are_not_like_for_like():
    screen = " ".join(run("levers", *QUICK).stdout.split())
    assert "conversion at every step, odds +10 %" in screen
    assert "acts in each of the 5 stages a deal passes, one on new deals once" in screen


@pytest.mark.parametrize("by", ["stage", "deal"])
def test_tables_by_deal_say_why_their_totals_differ(by):
    said = " ".join(run("forecast", *QUICK, "--by", by).stdout.split())
    assert "the figures by period differ by their error" in said
    assert "differ by their error" not in run("forecast", *QUICK).stdout


def test_a_saved_funnel_says_what_it_was_fitted_on(tmp_path):
    path = tmp_path / "funnel.json"
    run("fit", "-o", path)
    arguments = ["forecast", *QUICK, "--funnel", path]
    assert "fitted on 2,258 deals up to 2026-08-31" in " ".join(run(*arguments).stdout.split())
    facts = strict_json(run(*arguments, "--format", "json").stdout)
    assert facts["funnel"] == "fitted on 2,258 deals up to 2026-08-31"
    content = json.loads(path.read_text())
    del content["origin"]
    path.write_text(json.dumps(content))
    assert "written by hand" in " ".join(run(*arguments).stdout.split())
    assert "Funnel " not in run("forecast", *QUICK).stdout


def test_help_says_that_csv_is_one_table():
    assert "csv is one table" in " ".join(run("forecast", "--help").stdout.split())


def test_what_is_learnt_can_be_chosen():
    plain = run("fit", "--draws", "10").stdout
    assert "Pace" in plain
    without = run("fit", "--level-period", "none", "--no-calendar", "--draws", "10").stdout
    assert "Calendar:" in plain
    assert "Calendar:" not in without
    weighed = run("fit", "--nominal-weight", "50", "--draws", "10").stdout
    assert "worth 50 deals in each stage" in " ".join(weighed.split())
    refused = run("fit", "--holiday", "25/12/2026", "--draws", "10", code=1).stderr
    assert "'25/12/2026' is not a moment; write it as 2026-09-30" in refused
    refused = run("demo", "--measure", "wins", code=2).stderr
    assert "for a target of wins add one" in refused
