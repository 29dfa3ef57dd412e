"""The last report as somebody else may hand it over: edited, cut short, packed to burst, or none at all."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from funnelsim.faces.report import ReportError
from funnelsim.faces.report import last as last_report
from funnelsim.faces.report.facts import Span
from funnelsim.faces.report.last import last_facts

SPAN = ["2026-Q4", "2026-10-01", "2027-01-01", 1.0, 2.0, 3.0]
FACTS = {"p50": 100.0, "chance": 0.25, "target": 120.0, "as_of": "2026-08-31", "measure": "bookings"}


def a_page(folder: Path, carried: str) -> Path:
    path = folder / "last.html"
    path.write_text(f'<script type="application/json" id="facts">{carried}</script>', encoding="utf-8")
    return path


def test_what_a_report_wrote_is_read(tmp_path: Path) -> None:
    told = last_facts(a_page(tmp_path, json.dumps(FACTS | {"spans": [SPAN]})))
    assert {key: getattr(told, key) for key in FACTS} == FACTS
    assert told.spans == (Span(*SPAN),)  # type: ignore[arg-type]
    assert last_facts(a_page(tmp_path, told.text())) == told


@pytest.mark.parametrize(
    "edited",
    [
        {"p50": "abc"},
        {"p50": True},
        {"p50": float("nan")},
        {"p50": 10**400},
        {"chance": 7},
        {"chance": "<b>"},
        {"target": "much"},
        {"as_of": "<img src=x onerror=alert(1)>"},
        {"as_of": 20260831},
        {"measure": ["bookings"]},
        {"spans": "2026"},
        {"spans": [SPAN[:5]]},
        {"spans": [["2026-Q4", "2027-01-01", "2026-10-01", 1.0, 2.0, 3.0]]},  # ends before it begins
        {"spans": [["2026-Q4", "soon", "2027-01-01", 1.0, 2.0, 3.0]]},
        {"spans": [["2026-Q4", "2026-10-01", "2027-01-01", 1.0, float("inf"), 3.0]]},
        {"spans": [["Q" * 100_000, "2026-10-01", "2027-01-01", 1.0, 2.0, 3.0]]},
    ],
)
def test_figures_no_report_writes_are_refused(edited: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="is no report, or damaged"):
        last_facts(a_page(tmp_path, json.dumps(FACTS | edited)))


def test_brackets_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="is no report, or damaged"):
        last_facts(a_page(tmp_path, "[" * 100_000))


def test_a_file_too_large_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_report, "_LARGEST", 10)
    with pytest.raises(ReportError, match="is too large for a report"):
        last_facts(a_page(tmp_path, json.dumps(FACTS)))


def test_a_folder_and_a_device_without_end_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero"), tmp_path / "none.html"):
        with pytest.raises(ReportError, match="cannot be read"):
            last_facts(path)


def test_a_workbook_that_unpacks_to_very_much_is_read_no_further(tmp_path: Path) -> None:
    path = tmp_path / "last.xlsx"
    told = f"<dc:description>{json.dumps(FACTS)}</dc:description>"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("docProps/core.xml", " " * 2_000_000 + told)
    with pytest.raises(ReportError, match="is no report, or damaged"):
        last_facts(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_part_of_a_workbook_is_told_as_damaged(share: float, tmp_path: Path) -> None:
    path = tmp_path / "last.xlsx"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("docProps/core.xml", f"<dc:description>{json.dumps(FACTS)}</dc:description>")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ReportError, match="is no report, or damaged; give a file"):
        last_facts(path)


@pytest.mark.parametrize(("flag", "method"), [(1, 0), (0, 99)])  # encrypted; a compression nobody knows
def test_a_workbook_that_cannot_be_unpacked_is_refused(flag: int, method: int, tmp_path: Path) -> None:
    path = tmp_path / "last.xlsx"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("docProps/core.xml", "<x/>")
    content = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.index(mark) + at
        content[start] |= flag
        content[start + 2] = method
    path.write_bytes(content)
    with pytest.raises(ReportError, match="cannot be read"):
        last_facts(path)
