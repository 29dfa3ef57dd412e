"""The kinds of file a report comes in, by the ending of the name; each is made only when asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from funnelsim.faces.report.content import Told
from funnelsim.vocabulary.errors import FunnelsimError


class ReportError(FunnelsimError):
    """A report that cannot be written, or a last one that is none."""


def check_kind(path: Path) -> None:
    """Refuse a name that promises a file no report comes in, or one that needs what is not installed.

    Raises
    ------
    ReportError
    """
    if path.suffix.lower() not in _MAKERS:
        raise ReportError(
            f"{path}: a report is a page, a workbook or a PDF; end its name in .html, .xlsx or .pdf"
        )
    if path.suffix.lower() == ".xlsx" and find_spec("xlsxwriter") is None:
        raise ReportError(
            "writing Excel needs XlsxWriter; pip install 'funnelsim[excel]', or end the report's name in "
            ".html"
        )


def made(path: Path, told: Told, title: str) -> bytes:
    """The content of the file that a report is to have under a name.

    Parameters
    ----------
    path : Path
        Its ending says which kind.
    told : Told
    title : str
        Empty: a title of ours.

    Raises
    ------
    ReportError
        If a report comes in no such file.
    """
    check_kind(path)
    name = _MAKERS[path.suffix.lower()]
    content: bytes = getattr(import_module(f"funnelsim.faces.report.{name}"), name)(told, title)
    return content


_MAKERS = {".html": "page", ".htm": "page", ".xlsx": "workbook", ".pdf": "pdf"}  # a module and its function
