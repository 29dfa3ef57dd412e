"""Files the command line writes: whole or not at all, never over others, safe in a spreadsheet."""

import csv
import io
import os
import subprocess
import sys
import threading

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from funnelsim.faces.cli import main
from funnelsim.faces.cli.failures import RequestError
from funnelsim.faces.cli.writing import csv_bytes, json_bytes, write_whole

QUICK = ["--futures", "100", "--draws", "4"]


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def test_the_ending_of_the_file_names_the_format(tmp_path):
    for name, start in (("a.json", b"{"), ("a.csv", b"period,"), ("a.txt", b"Read ")):
        result = run("forecast", *QUICK, "-o", tmp_path / name)
        assert result.stdout == ""
        assert f"wrote {tmp_path / name}" in result.stderr
        assert (tmp_path / name).read_bytes().startswith(start)
    run("forecast", *QUICK, "-o", tmp_path / "b.json", "--format", "csv")
    assert (tmp_path / "b.json").read_bytes().startswith(b"period,")


def test_an_existing_file_is_kept_without_force(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("mine")
    result = run("forecast", *QUICK, "-o", path, code=1)
    assert "--force" in result.stderr
    assert path.read_text() == "mine"
    run("forecast", *QUICK, "-o", path, "--force")
    assert path.read_text() != "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["out.json"]


def test_a_missing_folder_is_named(tmp_path):
    assert "create it first" in run("check", "-o", tmp_path / "no" / "out.csv", code=1).stderr


@pytest.mark.thorough
def test_simulate_keeps_existing_files_without_force(tmp_path):
    (tmp_path / "deals.csv").write_text("mine")
    assert "deals.csv exists" in run("simulate", "-o", tmp_path, code=1).stderr
    assert [file.name for file in tmp_path.iterdir()] == ["deals.csv"]
    run("simulate", "-o", tmp_path, "--force")
    assert (tmp_path / "deals.csv").read_text().startswith("deal_id,")
    assert "cannot be a folder" in run("simulate", "-o", tmp_path / "deals.csv", code=1).stderr


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_file_half_written_never_appears(tmp_path, error):
    path = tmp_path / "out.csv"
    path.write_text("before")

    def fail(temporary):
        temporary.write_text("half")
        raise error

    with pytest.raises((RequestError, KeyboardInterrupt)):
        write_whole(path, fail, force=True)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / "out.csv"

    def slow(temporary):
        temporary.write_text("ours")
        path.write_text("theirs")

    with pytest.raises(RequestError, match="exists"):
        write_whole(path, slow, force=False)
    assert path.read_text() == "theirs"


def test_csv_is_safe_in_a_spreadsheet_and_leaves_numbers_alone():
    texts = ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "＝1", "＠sum", "plain", 'say "hi"', "a,b", "赢单"]
    frame = pd.DataFrame({"=name": texts, "value": [-1.5] * len(texts)})
    header, *rows = csv.reader(io.StringIO(csv_bytes(frame).decode(), newline=""))
    assert header == ["'=name", "value"]
    assert [row[0] for row in rows] == [*("'" + text for text in texts[:8]), *texts[8:]]
    assert {row[1] for row in rows} == {"-1.5"}


def test_csv_leaves_missing_cells_empty_and_dates_plain():
    frame = pd.DataFrame(
        {"a": [float("nan"), 2.0], "b": pd.to_datetime(["2026-01-01", None]), "c": [None, True]}
    )
    assert csv_bytes(frame) == b"a,b,c\r\n,2026-01-01,\r\n2.0,,True\r\n"


def test_json_has_null_for_what_is_no_number():
    facts = {"a": float("nan"), "b": float("inf"), "c": pd.NaT, "d": pd.Timestamp("2026-01-01T10:00")}
    expected = b'{\n  "a": null,\n  "b": null,\n  "c": null,\n  "d": "2026-01-01T10:00:00"\n}\n'
    assert json_bytes(facts) == expected


def test_issues_of_hostile_names_reach_neither_terminal_nor_spreadsheet(tmp_path):
    deals = tmp_path / "deals.csv"
    deals.write_text(
        "deal_id,created_at,outcome,closed_at\n"
        "=D1\x1b[2J,2026-01-05,won,2026-02-01\n"
        "D2\u202e,2026-01-05,lost,2026-02-03\n"
        "@D3,2026-01-07,open,\n"
    )
    screen = run("forecast", deals, *QUICK, "--by", "deal").output
    assert "@D3" in screen
    for name in ("check", "forecast"):
        for form in ("table", "csv"):
            extra = [*QUICK, "--by", "deal"] if name == "forecast" else []
            output = run(name, deals, "--format", form, *extra).stdout
            assert form == "csv" or not {"\x1b", "\u202e"} & set(output)
            assert ",@D3" not in output
            assert "\n@D3" not in output.replace("\n@D3  ", "")


def test_errors_with_hostile_values_are_escaped(tmp_path):
    deals = tmp_path / "deals.csv"
    deals.write_text("deal_id,created_at\x1b[31m,outcome\nD1,x,open\n")
    assert "\x1b" not in run("check", deals, code=1).output
    assert "\x1b" not in run("check", "\x1b[2J.csv", code=1).output


def process(command: str) -> subprocess.CompletedProcess[str]:
    """A shell command in which $FUNNELSIM is the program."""
    program = f"{sys.executable} -c 'from funnelsim.faces.cli import main; main()'"
    return subprocess.run(
        ["sh", "-c", command.replace("$FUNNELSIM", program)],
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip


def test_a_replaced_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("before")
    path.chmod(0o640)
    run("forecast", *QUICK, "-o", path, "--force")
    assert path.read_text().startswith("period,")
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(
    ("option", "name", "start"), [("-o", "pipe", b"Read"), ("--plot", "p.png", b"\x89PNG")]
)
def test_a_pipe_is_written_in_place(tmp_path, option, name, start):
    pipe, received = tmp_path / name, []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    run("forecast", *QUICK, option, pipe, "--force")
    reader.join(timeout=20)
    assert received[0].startswith(start)
    assert pipe.is_fifo()


def test_what_is_neither_file_nor_pipe_is_refused(tmp_path):
    assert "is a folder" in run("check", "-o", tmp_path, "--force", code=1).stderr


@pytest.mark.parametrize("name", ["deals.csv", "stage_history.csv", "stages.toml", "funnel.json"])
@pytest.mark.thorough
def test_a_file_that_is_read_is_never_written_over(tmp_path, name):
    run("simulate", "-o", tmp_path, "--quiet")
    before = (tmp_path / name).read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / name)
    files = [tmp_path / "deals.csv", tmp_path / "stage_history.csv", "--stages", tmp_path / "stages.toml"]
    for out in (tmp_path / name, tmp_path / "link"):
        arguments = [*files, "--funnel", tmp_path / "funnel.json", "-o", out, "--format", "csv", "--force"]
        assert "is also read" in run("forecast", *arguments, code=1).stderr
    assert (tmp_path / name).read_bytes() == before


def test_result_and_picture_need_two_names(tmp_path):
    (tmp_path / "b").symlink_to(tmp_path / "a.svg")
    arguments = ["levers", *QUICK, "-o", tmp_path / "b", "--plot", tmp_path / "a.svg", "--format", "csv"]
    assert "to be written twice" in run(*arguments, code=1).stderr


@pytest.mark.parametrize("form", [[], ["--format", "csv"]])
def test_a_name_that_promises_an_excel_file_is_refused(tmp_path, form):
    assert ".txt, .csv or .json" in run("check", "-o", tmp_path / "a.xlsx", *form, code=1).stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ending_needs_a_format(tmp_path):
    assert "--format" in run("check", "-o", tmp_path / "a.dat", code=1).stderr
    run("check", "-o", tmp_path / "a.dat", "--format", "csv")
    run("check", "-o", tmp_path / "a")
    assert (tmp_path / "a").read_text().startswith("Read")


def test_a_hyphen_is_standard_output():
    assert run("check", "-o", "-").stdout == run("check").stdout
    done = process("echo first; $FUNNELSIM check --quiet -o /dev/stdout")
    assert (done.returncode, done.stdout) == (0, "first\n" + run("check").stdout)


def test_standard_output_redirected_to_a_file_is_continued(tmp_path):
    done = process(f"(echo first; $FUNNELSIM check --quiet -o /dev/stdout; echo last) > {tmp_path / 'all'}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "all").read_text() == "first\n" + run("check").stdout + "last\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize(
    "command", ["check --quiet > /dev/full", "check --quiet -o /dev/full", "--help > /dev/full"]
)
@pytest.mark.thorough
def test_a_full_disk_ends_in_one_message(command):
    done = process(f"$FUNNELSIM {command}")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "No space left" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.thorough
def test_a_closed_output_is_no_success(tmp_path):
    done = process("$FUNNELSIM check --quiet >&-")
    assert done.returncode == 1
    assert "standard output is closed" in done.stderr
    assert process(f"$FUNNELSIM check --quiet -o {tmp_path / 'a.txt'} >&-").returncode == 0
    assert process("$FUNNELSIM check 2>&-").stdout == run("check").stdout


def test_simulate_takes_no_hyphen_for_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "name a folder" in run("simulate", "-o", "-", code=1).stderr
    assert list(tmp_path.iterdir()) == []
