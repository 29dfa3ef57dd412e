"""The workbook in another program: it opens, and every formula computes to the figure of the engine."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import shutil
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

import funnelsim as fs
from funnelsim.vocabulary.language import Language

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
MOST_SECONDS = 120  # it takes two; a hang must not hold up all other tests
HOSTILE = [
    "=1+1",
    "+1",
    "@SUM(A1)",
    "\t=1",
    "<b>",
    "=cmd|' /C calc'!A0",
    "\u202eevil",
    "\x00\x1b[2J",
    "🚀",
    "'q",
]
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(SOFFICE is None, reason="no LibreOffice: apt-get install libreoffice-calc"),
]


def sheets_of(path: Path) -> dict[str, list[list[object]]]:
    """Values of all cells by sheet, from the first cell on."""
    book = CalamineWorkbook.from_path(str(path))
    return {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}


def without_values(path: Path) -> bytes:
    """The file without the computed values of its formulas, so that whoever opens it must compute them."""
    content = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(content, "w") as new:
        for item in old.infolist():
            text = old.read(item)
            if item.filename.startswith("xl/worksheets/sheet"):
                text = re.sub(rb"(</f>)<v>.*?</v>", rb"\1", text)
            new.writestr(item, text)
    return content.getvalue()


def recalculated(path: Path, folder: Path) -> Path:
    """The file as LibreOffice saves it after computing its formulas anew."""
    assert SOFFICE is not None
    bare = folder / "bare.xlsx"
    bare.write_bytes(without_values(path))
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"  # so that two runs do not meet
    asked = [SOFFICE, profile, "--headless", "--norestore", "--convert-to", "xlsx:Calc MS Excel 2007 XML"]
    # A group of its own: soffice is a script, and what it starts would outlive it.
    run = subprocess.Popen(
        [*asked, "--outdir", str(folder / "out"), str(bare)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        _, said = run.communicate(timeout=MOST_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        raise
    assert run.returncode == 0, said.decode(errors="replace")
    return folder / "out" / "bare.xlsx"


def assert_equal_cells(path: Path, other: Path) -> int:
    """Every number and text of one workbook stands in the other; gives how many were compared."""
    told, computed, n = sheets_of(path), sheets_of(other), 0
    assert list(told) == list(computed)
    for name, rows in told.items():
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                if value in ("", None):
                    continue
                found = computed[name][r][c]
                n += 1
                if isinstance(value, float):
                    scale = max(abs(value), 1e-3)
                    assert isinstance(found, float), (name, r, c, value, found)
                    assert abs(found - value) <= 1e-9 * scale + 1e-6, (name, r, c, value, found)
                else:
                    assert str(found).replace("\r", "") == str(value).replace("\r", ""), (name, r, c)
    return n


def n_formulas(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(archive.read(name).count(b"</f>") for name in archive.namelist() if "sheets/" in name)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_report_with_everything(lang: Language, tmp_path: Path) -> None:
    history = fs.simulate_history(seed=0)
    funnel, engine = fs.fit(history), fs.Exact(n_draws=4)
    then = fs.forecast(funnel, history.as_of("2026-05-31").pipeline(), target=5_000_000, engine=engine)
    comparison = fs.compare_levers(funnel, history.pipeline(), target=5_500_000, engine=engine)
    path = fs.write_report(
        tmp_path / "now.xlsx", comparison.base, funnel, history=history, comparison=comparison, lang=lang,
        test=fs.backtest(history, periods="1Q", origins=4, n_draws=4, n_futures=100),
        previous=fs.write_report(tmp_path / "last.xlsx", then, funnel),
        why=fs.revision(history, "2026-05-31", window=["2026-07-01", "2027-04-01"], n_draws=4),
    )  # fmt: skip
    assert n_formulas(path) > 900
    assert b"</f><v>" not in without_values(path)
    assert assert_equal_cells(path, recalculated(path, tmp_path)) > 3000


def test_a_report_of_cash(tmp_path: Path) -> None:
    scenario = fs.read_scenario("lead_to_cash")
    outlook = fs.forecast(
        scenario.funnel, scenario.pipeline, periods=scenario.periods, measure="cash", target=scenario.target,
        engine=fs.MonteCarlo(n_futures=300, n_draws=4),
    )  # fmt: skip
    path = fs.write_report(tmp_path / "cash.xlsx", outlook, scenario.funnel)
    assert assert_equal_cells(path, recalculated(path, tmp_path)) > 300


def test_hostile_names(tmp_path: Path) -> None:
    scenario = fs.read_scenario("account_selling")
    ids = scenario.pipeline.deal_ids.copy()
    ids[:] = [f"{HOSTILE[i % len(HOSTILE)]}{i}" for i in range(len(ids))]
    stages = scenario.funnel.stages
    named = [
        dataclasses.replace(stage, name=f"{HOSTILE[i]} {i}", aliases=())
        for i, stage in enumerate(stages.open)
    ]
    funnel = dataclasses.replace(
        scenario.funnel, stages=dataclasses.replace(stages, open=tuple(named)), unit='a"b'
    )
    outlook = fs.forecast(
        funnel, dataclasses.replace(scenario.pipeline, deal_ids=ids), engine=fs.Exact(n_draws=4)
    )
    path = fs.write_report(tmp_path / "h.xlsx", outlook, funnel, title="=&P <b>\u202e")
    assert assert_equal_cells(path, recalculated(path, tmp_path)) > 100
