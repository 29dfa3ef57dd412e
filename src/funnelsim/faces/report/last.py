"""The figures of the last report, as the files it came in carry them for the next one."""

from __future__ import annotations

import html
import json
import re
import zipfile
import zlib
from pathlib import Path

from funnelsim.faces.report.facts import Facts, marks, marks_of_stages
from funnelsim.faces.report.kinds import ReportError
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory

# Each kind of file carries the text of Facts.text(): a page in an element, a workbook as its comments
# (docProps/core.xml), a PDF among its keywords.
_IN_PAGE = re.compile(r'<script type="application/json" id="facts">(.*?)</script>', re.DOTALL)
_IN_WORKBOOK = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)
_IN_PDF = re.compile(r"/Keywords \((\{.*?\})\)", re.DOTALL)
_LARGEST = 100_000_000  # bytes
_LARGEST_PART = 1_000_000  # bytes, of the part of a workbook that carries the figures, once unpacked
# What reading another file or half a report ends in; brackets nested without end are in none either.
_NO_REPORT = (ValueError, OverflowError, EOFError, KeyError, RecursionError, zipfile.BadZipFile, zlib.error)


def last_facts(path: Path) -> Facts:
    """The figures that a report left for the next one.

    Raises
    ------
    ReportError
        If it cannot be read, or is no report.
    """
    try:
        is_file, size = path.is_file(), path.stat().st_size
    except OSError as error:
        raise ReportError(f"{path}: the last report cannot be read ({error.strerror})") from error
    if not is_file:
        raise ReportError(f"{path}: the last report cannot be read (it is no file)")
    if size > _LARGEST:
        raise ReportError(f"{path}: is too large for a report; give a file that funnelsim report wrote")
    try:
        return Facts.read(json.loads(_carried(path)))
    except _NO_REPORT as error:
        raise ReportError(
            f"{path}: is no report, or damaged; give a file that funnelsim report wrote"
        ) from error
    except (OSError, RuntimeError) as error:
        raise ReportError(f"{path}: the last report cannot be read ({error})") from error


def check_earlier(path: Path, last: Facts, as_of: str) -> None:
    """Refuse a last report that knows more than this one: what it says has not come before, but after.

    Parameters
    ----------
    path : Path
    last : Facts
    as_of : str
        The last day that this report knows.

    Raises
    ------
    ReportError
    """
    if last.as_of > as_of:
        raise ReportError(
            f"{path}: the last report is later than this one: it knows all up to {last.as_of}, this one up "
            f"to {as_of}; give an earlier one or leave it out, or write this one from records of a later date"
        )


def check_same_business(path: Path, last: Facts, funnel: Funnel, history: DealHistory | None) -> None:
    """Refuse a last report of another business: one that shares no deal with the records, or else no stage.

    Parameters
    ----------
    path : Path
    last : Facts
    funnel : Funnel
    history : DealHistory, optional
        Records keep every deal, so the open deals of an earlier report are among them; stages may be renamed.

    Raises
    ------
    ReportError
    """
    if history is not None and last.deals:
        if not marks(history.deals["deal_id"]) & set(last.deals.split()):
            raise ReportError(
                f"{path}: the last report is of another business: none of the deals that were open in it is "
                "in these records; give the last report of this business, or leave it out"
            )
    elif last.stages and not marks_of_stages(funnel) & set(last.stages.split()):
        raise ReportError(
            f"{path}: the last report is of another business: it knows none of these stages; give the last "
            "report of this business, or leave it out; were all stages renamed, write the last one anew"
        )


def _carried(path: Path) -> str:
    """What a report carries, as text; empty where it carries nothing."""
    ending = path.suffix.lower()
    if ending == ".xlsx":
        with zipfile.ZipFile(path) as book, book.open("docProps/core.xml") as part:
            # Read no more than a report writes, however much it would unpack to.
            found = _IN_WORKBOOK.search(part.read(_LARGEST_PART).decode("utf-8"))
        return html.unescape(found[1]) if found else ""
    if ending == ".pdf":
        found = _IN_PDF.search(path.read_bytes().decode("latin-1"))
        return re.sub(r"\\(.)", r"\1", found[1]) if found else ""
    found = _IN_PAGE.search(path.read_text(encoding="utf-8"))
    return found[1] if found else ""
