"""Options that several commands share, each declared once and handed over as one frozen bundle."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from funnelsim.faces.cli.failures import LANGUAGE_VARIABLE
from funnelsim.faces.cli.help import LanguageName
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.source import Source

if TYPE_CHECKING:
    from funnelsim.engines.choose import EngineName
    from funnelsim.engines.protocol import Engine
    from funnelsim.nouns.funnel import Funnel
    from funnelsim.nouns.history import DealHistory
    from funnelsim.nouns.law import Measure
    from funnelsim.vocabulary.pipeline import Pipeline

Command = Callable[..., None]
Decorator = Callable[[Command], Command]

_FILE = click.Path(path_type=Path)
_AMOUNT = re.compile(r"¥?(\d+|\d{1,3}(?:,\d{3})+|\d{1,3}(?:_\d{3})+)(\.\d+)?(k|m|bn?|万|亿)?元?")
_PICTURES = (".png", ".svg", ".pdf")
_LEAST_FUTURES = 100
_FACTORS = {None: 1, "k": 1000, "m": 1000**2, "b": 1000**3, "bn": 1000**3, "万": 10**4, "亿": 10**8}


def amount(text: str) -> float:
    """An amount as people write it: 5000000, 5_000_000, 5,000,000, 5M, 500k, 550万, 1.2亿.

    Examples
    --------
    >>> amount("5,500,000"), amount("5.5M"), amount("550万"), amount("￥550万")
    (5500000.0, 5500000.0, 5500000.0, 5500000.0)
    """
    plain = unicodedata.normalize("NFKC", text).strip().lower().replace("萬", "万").replace("億", "亿")
    match = _AMOUNT.fullmatch(plain)
    # As decimals: 1.1亿 in binary is a fraction of a cent too much.
    digits = Decimal(re.sub("[,_]", "", match[1]) + (match[2] or "")) if match else Decimal(0)
    value = float(digits * _FACTORS[match[3]]) if match else 0.0
    if not 0 < value < math.inf:
        raise click.BadParameter(
            f"{text!r} is no amount above 0; write it in digits, as 5000000, 5,000,000, 5M, 500k or 550万"
        )
    return value


def pair(text: str) -> tuple[str, str]:
    """``NAME=VALUE`` as a name and a value.

    Examples
    --------
    >>> pair("deal_id=Opportunity ID")
    ('deal_id', 'Opportunity ID')
    """
    name, _, value = text.partition("=")
    if not (name.strip() and value.strip()):
        raise click.BadParameter(f"{text!r} is no pair; write it as NAME=VALUE")
    return name.strip(), value.strip()


def picture(text: str) -> Path:
    """A file name whose ending says which kind of picture to draw."""
    path = Path(text)
    if path.suffix.lower() not in _PICTURES:
        raise click.BadParameter(f"{text!r} is no picture; end its name in {', '.join(_PICTURES)}")
    return path


@dataclass(frozen=True)
class Question:
    """What is to be forecast.

    Parameters
    ----------
    periods : str
    fiscal_start_month : int
    target : float, optional
        Wanted in all periods together.
    measure : {"bookings", "wins", "revenue", "cash"}, optional
        What is forecast, and counted by the target.
    """

    periods: str
    fiscal_start_month: int
    target: float | None
    measure: Measure | None

    @property
    def edges(self) -> str | list[str]:
        """The periods as :func:`funnelsim.forecast` takes them: dates in a list."""
        return [date.strip() for date in self.periods.split(",")] if "," in self.periods else self.periods


@dataclass(frozen=True)
class Learning:
    """What is learnt from a history besides its hazards.

    Parameters
    ----------
    level_period : str
        "none" follows no levels.
    calendar : bool
    holidays : tuple of str
    nominal_weight : float
        Deals that the nominal win rates are worth.
    classes : tuple of str
        Attributes that tell classes of deals.
    """

    level_period: str
    calendar: bool
    holidays: tuple[str, ...]
    nominal_weight: float
    classes: tuple[str, ...]

    def fit(self, history: DealHistory) -> Funnel:
        """The funnel of a history under these settings."""
        from funnelsim.fitting.fit import fit

        period: Any = None if self.level_period == "none" else self.level_period
        return fit(
            history,
            level_period=period,
            calendar=self.calendar,
            holidays=self.holidays,
            nominal_weight=self.nominal_weight,
            classes=self.classes or None,
        )


@dataclass(frozen=True)
class Drawing:
    """Which engine forecasts, and its settings.

    Parameters
    ----------
    seed : int
    engine : {"auto", "exact", "montecarlo"}
    futures : int, optional
        None: as many as the engine draws by itself.
    draws, workers : int
    """

    seed: int
    engine: EngineName
    futures: int | None
    draws: int
    workers: int

    def method(
        self, funnel: Funnel, pipeline: Pipeline, measure: Measure | None = None
    ) -> Engine | EngineName:
        """The engine with these settings; a number of futures asks for one that draws them."""
        from funnelsim.engines.choose import choose
        from funnelsim.engines.montecarlo import MonteCarlo

        if self.futures and self.engine == "exact":
            raise click.UsageError("--futures: the exact engine draws none; use --engine montecarlo")
        if self.futures:
            return MonteCarlo(n_futures=self.futures, n_draws=self.draws, workers=self.workers)
        if (self.engine, self.draws, self.workers) == ("auto", 100, 1):
            return "auto"
        settings = {"n_draws": self.draws, "workers": self.workers}
        return choose(self.engine, funnel, pipeline, measure=measure, **settings)[0]


def bundled(kind: type, name: str, *declared: Decorator) -> Decorator:
    """Options gathered into one argument called `name`; click itself hands over keywords one by one."""
    keys = [field.name for field in fields(kind)]

    def decorate(command: Command) -> Command:
        @wraps(command)
        def call(**given: Any) -> None:
            given[name] = kind(**{key: given.pop(key) for key in keys})
            command(**given)

        decorated: Command = call
        for option in reversed(declared):
            decorated = option(decorated)
        return decorated

    return decorate


def number_option(flag: str, *, least: int, default: int | None, text: str, why: str = "") -> Decorator:
    """An option that takes a whole number; `why` says what is wrong with one below the least."""

    def enough(context: click.Context, parameter: click.Parameter, value: int | None) -> int | None:
        if value is not None and value < least:
            raise click.BadParameter(f"{value} is below {least}{why}")
        return value

    return click.option(
        flag,
        type=int,
        callback=enough,
        metavar="N",
        default=default,
        show_default=default is not None,
        help=text,
    )


def _pairs(flag: str, name: str, text: str) -> Decorator:
    return click.option(flag, name, type=pair, metavar="NAME=VALUE", multiple=True, help=text)


source_options = bundled(
    Source,
    "source",
    click.argument("deals", type=_FILE, required=False),
    click.argument("history", type=_FILE, required=False),
    click.option(
        "--stages", type=_FILE, metavar="FILE", help="TOML file with the stages, and how to read the files."
    ),
    click.option("--as-of", metavar="DATE", help="What is dated later is not used.  [default: last event]"),
    click.option(
        "--window-start", metavar="DATE", help="From when the log is complete.  [default: as detected]"
    ),
    click.option("--arrivals-until", metavar="DATE", help="Until when new deals are recorded."),
    click.option("--tz", metavar="ZONE", help="Time zone of the business, such as Europe/Amsterdam."),
    click.option("--file-tz", metavar="ZONE", help="Time zone of times without an offset.  [default: --tz]"),
    click.option("--date-format", metavar="FORMAT", help="How dates are written, such as %d/%m/%Y."),
    click.option("--decimal", type=click.Choice([".", ","]), help="The mark before decimals of amounts."),
    click.option("--step", type=click.Choice(["hour", "day", "week", "month"]), help="The clock's step."),
    click.option("--unit", metavar="UNIT", help="Unit of the amounts, such as EUR; no scale, so not k EUR."),
    _pairs("--rate", "rates", "Worth of a currency in the unit: USD=0.92. Repeatable."),
    _pairs("--column", "columns", "What DEALS calls a column: deal_id=Id. Repeatable."),
    _pairs("--history-column", "history_columns", "What HISTORY calls a column. Repeatable."),
    _pairs("--outcome-value", "outcome_values", "What an outcome in DEALS means: Engaging=open. Repeatable."),
    click.option(
        "--faulty",
        type=click.Choice(["refuse", "set-aside"]),
        default="refuse",
        show_default=True,
        help="What to do with deals that have a fault.",
    ),
)

question_options = bundled(
    Question,
    "question",
    click.option(
        "--periods",
        metavar="PERIODS",
        default="4Q",
        show_default=True,
        help="4Q, 6M, 13W, 2Y: the running period and those after it; or dates, with commas.",
    ),
    click.option(
        "--fiscal-start-month",
        type=click.IntRange(1, 12),
        metavar="MONTH",
        default=1,
        show_default=True,
        help="Month in which the fiscal year begins.",
    ),
    click.option(
        "--target",
        type=amount,
        metavar="AMOUNT",
        help="Wanted in all periods together: 5000000, 5M, 500k, 550万.",
    ),
    click.option(
        "--measure",
        type=click.Choice(["bookings", "wins", "revenue", "cash"]),
        help="Forecast amounts won, the number of won deals, or what is earned or paid of them; the target "
        "counts the same.",
    ),
)

learning_options = bundled(
    Learning,
    "learning",
    click.option(
        "--level-period",
        type=click.Choice(["auto", "week", "month", "quarter", "none"]),
        default="auto",
        show_default=True,
        help="Period in which the pace of moves is followed.",
    ),
    click.option(
        "--calendar/--no-calendar",
        default=True,
        show_default=True,
        help="Learn weekdays and months where they clearly tell.",
    ),
    click.option(
        "--holiday",
        "holidays",
        metavar="DATE",
        multiple=True,
        help="A day like no weekday, past or to come: 2026-12-25. Repeatable.",
    ),
    click.option(
        "--nominal-weight",
        type=click.FloatRange(min=0),
        metavar="N",
        default=0.0,
        show_default=True,
        help="Deals that the nominal win rates of the stages file are worth.",
    ),
    click.option(
        "--classes",
        metavar="ATTRIBUTE",
        multiple=True,
        help="Deals of each value move at rates of their own, such as region. Repeatable: combinations.",
    ),
)

drawing_options = bundled(
    Drawing,
    "drawing",
    number_option("--seed", least=0, default=0, text="Same seed, same answer."),
    click.option(
        "--engine",
        type=click.Choice(["auto", "exact", "montecarlo"]),
        default="auto",
        show_default=True,
        help="auto is exact, unless --futures are asked for.",
    ),
    number_option(
        "--futures",
        least=_LEAST_FUTURES,
        default=None,
        text="Futures to simulate (Monte Carlo).",
        why=", too few to read a range or a chance off them",
    ),
    number_option("--draws", least=2, default=100, text="Draws of the parameters."),
    number_option("--workers", least=1, default=1, text="Processes; the answer is the same."),
)


def plot_option(text: str) -> Decorator:
    """An option that names a picture to draw beside the result."""
    return click.option("--plot", type=picture, metavar="FILE", help=f"{text}: FILE.png, .svg or .pdf.")


def output_options(command: Command) -> Command:
    """Options of the result: its format, its file, and how much is said on the way."""

    @wraps(command)
    def call(**given: Any) -> None:
        with given["output"].warnings_told():
            command(**given)

    bundle = bundled(
        Output,
        "output",
        click.option(
            "--format",
            "format_name",
            type=click.Choice(["table", "json", "csv"]),
            help="csv is one table under one row of titles, and nothing else.  "
            "[default: by the ending of --output (.txt, .csv, .json), else table]",
        ),
        click.option(
            "-o",
            "--output",
            "file",
            type=_FILE,
            metavar="FILE",
            help="Write the result to a file instead of stdout; - is stdout.",
        ),
        click.option("--force", is_flag=True, help="Let --output (and --plot) replace what exists."),
        click.option("--quiet", is_flag=True, help="Say nothing but the result and errors."),
    )
    return language_option(bundle(call))


def language_option(command: Command) -> Command:
    """Option ``--lang``; the program speaks it before options are read, so that help and refusals do too."""
    return click.option(
        "--lang",
        type=LanguageName(),
        metavar="[en|zh]",
        envvar=LANGUAGE_VARIABLE,
        show_envvar=True,
        default="en",
        show_default=True,
        expose_value=False,
        help="Language of screens, help and pictures; CSV and JSON keep English names.",
    )(command)
