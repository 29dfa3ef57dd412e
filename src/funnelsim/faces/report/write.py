"""write_report: a forecast as a page, a workbook or a PDF to pass on, in English or Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from funnelsim.faces.report.content import Told
from funnelsim.faces.report.kinds import ReportError, check_kind, made
from funnelsim.faces.report.last import check_earlier, check_same_business, last_facts
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.questions.backtest.result import Backtest
from funnelsim.questions.compare import LeverComparison
from funnelsim.questions.revision import Revision
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.language import Language, language, use_language
from funnelsim.vocabulary.whole_file import write_whole_files


@checked
def write_report(
    path: str | Path,
    outlook: Forecast,
    funnel: Funnel,
    *,
    history: DealHistory | None = None,
    comparison: LeverComparison | None = None,
    test: Backtest | str | None = None,
    previous: str | Path | None = None,
    why: Revision | None = None,
    title: str = "",
    lang: Language | None = None,
) -> Path:
    """Write what a forecast says as one file to pass on: an HTML page, an Excel workbook or a PDF.

    Parameters
    ----------
    path : str or path
        Ends in .html (one page: pictures inside, no script, no outside address), .xlsx or .pdf; what exists
        is replaced, whole or not at all.
    outlook : Forecast
    funnel : Funnel
    history : DealHistory, optional
        For what was found in the records.
    comparison : LeverComparison, optional
        For the levers.
    test : Backtest or str, optional
        Whether such ranges held, or why that cannot be said.
    previous : str or path, optional
        The last report, of any kind: the first screen then tells what has changed since. Periods that both
        hold are compared by their dates, and those that are over with what came.
    why : Revision, optional
        Why the forecast has changed since, as :func:`funnelsim.revision` tells it.
    title : str
        Of the report.
    lang : {"en", "zh"}, optional
        By default the language spoken now.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ReportError
        If the name is no report's, it cannot be written, or `previous` is no report, a later one, or one of
        another business: none of its open deals is in `history` or, without one, none of its stages in
        `funnel`.

    Notes
    -----
    The same inputs give the same bytes.
    """
    file = Path(path)
    check_kind(file)
    last = None if previous is None else last_facts(Path(previous))
    told = Told(outlook, funnel, history, comparison, test, last, why=why)
    if last is not None:
        check_same_business(Path(previous or ""), last, funnel, history)
        check_earlier(Path(previous or ""), last, told.as_of)
    with use_language(language() if lang is None else lang):
        write_told([file], told, title)
    return file


def write_told(files: Sequence[Path], told: Told, title: str = "") -> None:
    """Write the files of one report, all or none, in the language that is spoken.

    Raises
    ------
    ReportError
        If a name is no report's, or one of them cannot be written.
    """
    contents = {file: made(file, told, title) for file in files}
    try:
        write_whole_files(contents)
    except OSError as error:
        folder = Path(error.filename or files[0]).parent
        file = next((one for one in files if one.parent == folder), files[0])
        raise ReportError(f"{file} cannot be written ({error.strerror}); choose another folder") from error
