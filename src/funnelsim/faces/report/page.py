"""A report as one HTML page that needs nothing else: pictures inside, no script, no outside address."""

from __future__ import annotations

from importlib import resources

import jinja2

from funnelsim import __version__
from funnelsim.faces.report.content import Told
from funnelsim.faces.tables import visible
from funnelsim.vocabulary.language import language, tr


def page(told: Told, title: str) -> bytes:
    """The page as UTF-8, in the language that is spoken."""
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
    text = environment.from_string(source).render(
        lang="zh-Hans" if language() == "zh" else "en",
        title=title or tr("Sales forecast"),
        asked=asked,
        made=made,
        sections=told.sections(),
        facts=told.facts_text().replace("<", "\\u003c"),
    )
    return text.encode("utf-8", "backslashreplace")


def _legible(value: object) -> object:
    """Text without what no reader sees or what turns its order; markup of our own as it is."""
    return visible(value) if type(value) is str else value
