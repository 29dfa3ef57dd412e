"""The figures of the last report, as the files it came in carry them for the next one."""

from __future__ import annotations

import html
import json
import re
import zipfile
from pathlib import Path

from funnelsim.faces.report.kinds import ReportError

# Each kind of file carries the text of Told.facts_text(): a page in an element, a workbook as its comments
# (docProps/core.xml), a PDF among its keywords.
_IN_PAGE = re.compile(r'<script type="application/json" id="facts">(.*?)</script>', re.DOTALL)
_IN_WORKBOOK = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)
_IN_PDF = re.compile(r"/Keywords \((\{.*?\})\)", re.DOTALL)
_LARGEST = 100_000_000  # bytes


def last_facts(path: Path) -> dict[str, float | str]:
    """The figures that a report left for the next one.

    Raises
    ------
    ReportError
        If it cannot be read, or is no report.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ReportError(f"{path}: is too large for a report; give one that write_report wrote")
        facts = json.loads(_carried(path))
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise ReportError(f"{path}: the last report cannot be read ({error})") from error
    except ValueError:
        facts = None
    if not isinstance(facts, dict) or "p50" not in facts:
        raise ReportError(f"{path}: is no report of funnelsim; give one that write_report wrote")
    return {str(key): value for key, value in facts.items() if isinstance(value, int | float | str)}


def _carried(path: Path) -> str:
    """What a report carries, as text; empty where it carries nothing."""
    ending = path.suffix.lower()
    if ending == ".xlsx":
        with zipfile.ZipFile(path) as book:
            found = _IN_WORKBOOK.search(book.read("docProps/core.xml").decode("utf-8"))
        return html.unescape(found[1]) if found else ""
    if ending == ".pdf":
        found = _IN_PDF.search(path.read_bytes().decode("latin-1"))
        return re.sub(r"\\(.)", r"\1", found[1]) if found else ""
    found = _IN_PAGE.search(path.read_text(encoding="utf-8"))
    return found[1] if found else ""
