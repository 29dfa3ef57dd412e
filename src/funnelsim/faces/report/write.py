"""write_report: a forecast as one page that needs nothing else, in English or Chinese."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import jinja2

from funnelsim import __version__
from funnelsim.faces.report.content import Told
from funnelsim.faces.tables import visible
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.questions.backtest.result import Backtest
from funnelsim.questions.compare import LeverComparison
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.language import Language, language, tr, use_language
from funnelsim.vocabulary.whole_file import write_whole_text

_FACTS = re.compile(r'<script type="application/json" id="facts">(.*?)</script>', re.DOTALL)


class ReportError(FunnelsimError):
    """A report that cannot be written, or a last one that is none."""


def write_report(
    path: str | Path,
    outlook: Forecast,
    funnel: Funnel,
    *,
    history: DealHistory | None = None,
    comparison: LeverComparison | None = None,
    test: Backtest | str | None = None,
    previous: str | Path | None = None,
    title: str = "",
    lang: Language | None = None,
) -> Path:
    """Write what a forecast says as one HTML page: pictures and tables inside, no script, no outside address.

    Parameters
    ----------
    path : str or path
        Ends in .html; what exists is replaced, whole or not at all.
    outlook : Forecast
    funnel : Funnel
    history : DealHistory, optional
        For what was found in the records.
    comparison : LeverComparison, optional
        For the levers.
    test : Backtest or str, optional
        Whether such ranges held, or why that cannot be said.
    previous : str or path, optional
        The last report: the first screen then tells what has changed since.
    title : str
        Of the page.
    lang : {"en", "zh"}, optional
        By default the language spoken now.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    ReportError
        If the name is no page's, it cannot be written, or `previous` is no report.

    Notes
    -----
    The same inputs give the same bytes.
    """
    page = Path(path)
    if page.suffix.lower() not in (".html", ".htm"):
        raise ReportError(f"{page}: a report is a page; end its name in .html")
    told = Told(
        outlook, funnel, history, comparison, test, {} if previous is None else _facts_of(Path(previous))
    )
    with use_language(language() if lang is None else lang):
        text = _page(told, title)
    try:
        write_whole_text(page, text)
    except OSError as error:
        raise ReportError(f"{page} cannot be written ({error.strerror}); choose another folder") from error
    return page


def _page(told: Told, title: str) -> str:
    source = resources.files("funnelsim.faces.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    outlook = told.outlook
    first, last = outlook.periods.labels[0], outlook.periods.labels[-1]
    asked = tr(f"{outlook.measure} in {first} to {last}")
    futures = f"{outlook.n_futures:,} futures in " if outlook.n_futures else ""
    made = tr(
        f"{outlook.engine}, {futures}{outlook.n_draws:,} draws of the parameters, "
        f"seed {outlook.seed}; funnelsim {__version__}"
    )
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, finalize=_legible)
    return environment.from_string(source).render(
        lang="zh-Hans" if language() == "zh" else "en",
        title=title or tr("Sales forecast"),
        asked=asked,
        made=made,
        sections=told.sections(),
        facts=_inside_script(told.facts()),
    )


def _legible(value: object) -> object:
    """Text without what no reader sees or what turns its order; markup of our own as it is."""
    return visible(value) if type(value) is str else value


def _inside_script(facts: Mapping[str, float]) -> str:
    return json.dumps(facts, sort_keys=True).replace("<", "\\u003c")


def _facts_of(path: Path) -> dict[str, float]:
    """The figures that a report left for the next one."""
    try:
        found = _FACTS.search(path.read_text(encoding="utf-8"))
        facts = json.loads(found[1]) if found else None
    except (OSError, ValueError) as error:
        raise ReportError(f"{path}: the last report cannot be read ({error})") from error
    if not isinstance(facts, dict):
        raise ReportError(f"{path}: is no report of funnelsim; give one that write_report wrote")
    return {str(key): float(value) for key, value in facts.items() if isinstance(value, int | float)}
