"""Names that mean harm, and little to tell: pages, pictures and screens stay whole and legible."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import funnelsim as fs
from funnelsim.faces.cli import main
from funnelsim.faces.cli.writing import csv_bytes
from funnelsim.nouns.funnel import Funnel

pytestmark = pytest.mark.thorough

HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "attribute": '" onmouseover="alert(3)" \'',
    "formula": '=HYPERLINK("http://evil.example","x")',
    "plus": "+1+1",
    "at": "@SUM(A1)",
    "tab": "\t=1+1",
    "mathtext": "$\\frac{1}{0}$ \\alpha",
    "template": "{{ 7 * 7 }} {% include 'x' %} {0} %s",
    "emoji": "deal \U0001f680\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "right to left": "\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "control": "a\x00b\x07c\x1b[2J\x1b]0;title\x07d\r\ne",
    "long": "L" * 10_000,
}
HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


class Seen(HTMLParser):
    """Elements and attributes that are really there."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.fixture(scope="module")
def hostile() -> tuple[Funnel, fs.Forecast]:
    """A funnel whose stages and deals have the worst of names."""
    scenario = fs.read_scenario("account_selling")
    names = list(HOSTILE.values())
    ids = scenario.pipeline.deal_ids.copy()
    ids[:] = [f"{names[i % len(names)]} {i}" for i in range(len(ids))]
    stages = scenario.funnel.stages
    named = [
        dataclasses.replace(stage, name=f"{name} {i}", gate=name)
        for i, (stage, name) in enumerate(zip(stages.open, [names[-1], *names], strict=False))
    ]
    funnel = dataclasses.replace(
        scenario.funnel, stages=dataclasses.replace(stages, open=tuple(named)), unit="<b>€</b>"
    )
    pipeline = dataclasses.replace(scenario.pipeline, deal_ids=ids)
    return funnel, fs.forecast(funnel, pipeline, target=scenario.target, engine=fs.Exact(n_draws=5))


def test_a_page_shows_hostile_names_as_text(hostile: tuple[Funnel, fs.Forecast], tmp_path: Path) -> None:
    funnel, outlook = hostile
    text = fs.write_report(tmp_path / "h.html", outlook, funnel, title=HOSTILE["markup"]).read_text("utf-8")
    seen = Seen()
    seen.feed(text)
    assert seen.elements.count("script") == 1  # figures for the next report
    assert "img" not in seen.elements
    assert seen.handlers == []
    assert not HIDDEN.search(text)
    assert "{{ 7 * 7 }}" in text
    assert "L" * 500 not in text
    assert "\u05e9\u05dc\u05d5\u05dd" in text  # right to left stays legible, in its own direction
    assert "<bdi>" in text


@pytest.mark.skipif(shutil.which("tidy") is None, reason="no tidy: apt-get install tidy")
def test_pages_are_valid(
    hostile: tuple[Funnel, fs.Forecast], whole_reports: dict[str, Path], tmp_path: Path
) -> None:
    funnel, outlook = hostile
    worst = fs.write_report(tmp_path / "h.html", outlook, funnel)
    for page in (worst, *whole_reports.values()):
        done = subprocess.run(["tidy", "-e", "-q", str(page)], capture_output=True, text=True, check=False)
        assert done.stderr == ""
        assert done.returncode == 0


def test_pictures_draw_hostile_names(hostile: tuple[Funnel, fs.Forecast], tmp_path: Path) -> None:
    funnel, outlook = hostile
    for draw, noun in ((fs.plot_fan, outlook), (fs.plot_funnel, funnel), (fs.plot_open_deals, outlook)):
        ax = draw(noun)
        ax.figure.savefig(tmp_path / "p.png")
        texts = [text.get_text() for text in ax.figure.findobj(mpl.text.Text)]
        assert not any(HIDDEN.search(text) for text in texts)
        assert max(map(len, texts)) < 500
        mpl.pyplot.close(ax.figure)


def test_a_terminal_shows_hostile_names(tmp_path: Path) -> None:
    names = [name for key, name in HOSTILE.items() if key != "tab"]
    day = [f"2026-0{1 + i % 6}-0{1 + i % 9}" for i in range(200)]
    deals = pd.DataFrame(
        {
            "deal_id": [f"{names[i % len(names)]} {i}" for i in range(200)],
            "created_at": day,
            "amount": 1000,
            "outcome": ["won", "lost", "open", "lost"] * 50,
            "closed_at": ["2026-07-10", "2026-07-20", None, "2026-08-01"] * 50,
        }
    )
    deals.to_csv(tmp_path / "deals.csv", index=False)
    done = CliRunner().invoke(main, ["check", str(tmp_path / "deals.csv"), "--as-of", "2026-08-31"])
    said = done.output + (done.stderr if done.stderr_bytes else "")
    assert "\x1b" not in said
    assert not re.search("[\x00\x07\u202e]", said)
    assert max(map(len, said.splitlines())) < 400


def test_little_to_tell_leaves_pages_whole(tmp_path: Path) -> None:
    """No open deal, one open deal, no target, and a backtest that has too little to go by."""
    scenario = fs.read_scenario("account_selling")
    engine = fs.Exact(n_draws=5)
    nobody = scenario.pipeline.of_deals(np.array([], dtype=np.int64))
    one = scenario.pipeline.of_deals(np.array([3]))
    reason = "Whether such ranges held cannot be checked: the log is shorter than one period"
    for name, pipeline, target in (("none", nobody, None), ("one", one, scenario.target)):
        outlook = fs.forecast(scenario.funnel, pipeline, target=target, engine=engine)
        for ending in ("html", "pdf"):
            path = fs.write_report(tmp_path / f"{name}.{ending}", outlook, scenario.funnel, test=reason)
            assert path.stat().st_size > 1000
        text = (tmp_path / f"{name}.html").read_text("utf-8")
        assert reason in text
        assert ("There are no open deals." in text) == (name == "none")
        assert ("No target was given" in text) == (target is None)
        assert text.rstrip().endswith("</html>")


def test_records_without_a_target_make_a_page(tmp_path: Path) -> None:
    asked = ["simulate", "-o", str(tmp_path / "crm"), "--start", "2026-03-01", "--as-of", "2026-08-31"]
    assert CliRunner().invoke(main, [*asked, "--window-start", "2026-04-01"]).exit_code == 0
    crm = tmp_path / "crm"
    asked = ["report", str(crm / "deals.csv"), str(crm / "stage_history.csv"), "--stages"]
    asked += [str(crm / "stages.toml"), "--draws", "10", "-o", str(tmp_path / "r.html")]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    text = (tmp_path / "r.html").read_text("utf-8")
    assert "No target was given" in text
    assert "No levers were compared." in text
    assert "cannot be checked" in text  # five months hold no quarter to look back on


def cells_of(content: str, separator: str) -> list[str]:
    """As a spreadsheet reads it: quotation marks hold a cell together that begins with one."""
    return [cell for row in csv.reader(io.StringIO(content, newline=""), delimiter=separator) for cell in row]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "name",
    [
        "=1+1",
        "Ltd;=1+1",
        "Ltd; =1+1",
        'Ltd;"=1+1"',
        "Ltd|+1",
        "Ltd\t@SUM(A1)",
        "Ltd\r\n=1+1",
        "a;b;-1",
        "Ltd;＝1+1",
        " =1+1",
        "Ltd,=1+1",
        'say "x";=1',
        "a;;=1",
    ],
)
def test_no_cell_of_a_csv_is_a_formula_whatever_separates_cells(name: str, separator: str) -> None:
    """A spreadsheet of another country takes our commas for text, and its own mark for the end of a cell."""
    frame = pd.DataFrame({"n": [1, 2], "deal": [name, "Müller; Söhne"], name: ["x", name]})
    content = csv_bytes(frame).decode()
    formulas = [cell for cell in cells_of(content, separator) if re.match(r"""[\s"]*[=+@＝＋－＠-]""", cell)]
    assert formulas == []
    assert "Müller; Söhne" in content  # what is no formula is left as it is


def test_a_semicolon_would_begin_a_formula_without_the_apostrophe() -> None:
    plain = 'n,deal\r\n1,"Ltd, Co;=1+1"\r\n'
    cells = cells_of(plain, ";")
    assert any(cell.startswith("=") for cell in cells)  # quoting alone does not suffice
