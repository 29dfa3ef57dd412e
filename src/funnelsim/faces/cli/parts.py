"""Parts of screens that several commands show: records, chances, ranges, the classical figure, notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from funnelsim.faces.cli.failures import as_options, people_moment
from funnelsim.faces.cli.writing import iso
from funnelsim.faces.tables import (
    LINE_WIDTH,
    decimals_for,
    display_width,
    enumerated,
    error_bar,
    flowed,
    heading,
    name_lines,
    number,
    paragraph,
    percent,
    text_table,
    visible,
)
from funnelsim.vocabulary.language import known, language, tr

if TYPE_CHECKING:
    from funnelsim.nouns.forecast import Forecast
    from funnelsim.nouns.history import DealHistory
    from funnelsim.questions.backtest.result import Backtest
    from funnelsim.questions.compare import LeverComparison

_LEVELS = {"left out": "left out", "repaired": "repaired", "note": "noted"}


def lead(word: str) -> str:
    """A lead-in word at the left of a screen, padded."""
    said = tr(word)
    return said + " " * max(10 - display_width(said), 1)


def spaced(blocks: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a screen: blocks with an empty line between them; empty blocks leave none."""
    return [line for block in blocks if block for line in (*block, "")][:-1]


def moment(at: object) -> str:
    """A moment as a day where it begins or ends one, else to the minute."""
    return people_moment(iso(at))


def record_lines(history: DealHistory) -> list[str]:
    """How many deals, in which state, seen when."""
    counts = history.deals["outcome"].value_counts()
    won, lost, still_open = (int(counts.get(kind, 0)) for kind in ("won", "lost", "open"))
    ends = f"{won:,} won, {lost:,} lost, {still_open:,} open"
    text = f"{history.n_deals:,} deals as of {moment(history.cutoff)}: {ends}"
    if history.window_start is not None:
        text += f"; log from {moment(history.window_start)}"
    return paragraph(text, first=lead("Read"))


def issue_lines(history: DealHistory, *, most: int = 3) -> list[str]:
    """Issues in one sentence: how many of which level, the most frequent by name."""
    summary = history.issue_summary()
    if not len(summary):
        return paragraph("none: nothing was repaired or left out", first=lead("Issues"))
    by_level = summary.groupby("level")["count"].sum()
    told = ", ".join(f"{int(by_level.get(level, 0)):,} {word}" for level, word in _LEVELS.items())
    frequent = summary.sort_values("count", ascending=False, kind="stable").head(most)
    names = [_counted(*pair) for pair in zip(frequent["count"], frequent["rule"], strict=True)]
    other = int(summary["count"].sum() - frequent["count"].sum())
    more = [_counted(other, "other")] if other else []
    return paragraph(f"{told}; most often: {enumerated([*names, *more])}", first=lead("Issues"))


def _counted(count: int, what: str) -> str:
    """What there is and how much of it, in the order of the language."""
    return f"{tr(what)} {count:,}" if language() == "zh" else f"{count:,} {what}"


def funnel_lines(file: Path | None, origin: str) -> list[str]:
    """What a saved funnel was made from; nothing where it is fitted on the records just read."""
    if file is None:
        return []
    told = known(origin) if origin else tr("its file does not say from what it was made")
    return flowed(f"{file}: {told}", first=lead("Funnel"))


def money_unit(outlook: Forecast) -> str:
    """Unit of what is forecast."""
    return outlook.unit if outlook.is_money else tr("wins")


def with_unit(value: float, outlook: Forecast) -> str:
    """A figure with separators and its unit."""
    decimals = 0 if float(value).is_integer() else decimals_for([value])
    return visible(f"{number(value, decimals=decimals)} {money_unit(outlook)}".strip())


def range_text(outlook: Forecast) -> str:
    """The 80 % range of the total."""
    low, high = (float(end) for end in outlook.quantile([0.1, 0.9]))
    decimals = 0 if low.is_integer() else decimals_for([high])
    return f"{number(low, decimals=decimals)} and {with_unit(high, outlook)}"


def span(outlook: Forecast) -> str:
    """The periods in words, such as "2026-Q3 to 2027-Q2"; of fiscal years "FY2026 to FY2027"."""
    first, last = outlook.periods.labels[0], outlook.periods.labels[-1]
    return first if first == last else f"{first} to {last}"


def chance_text(outlook: Forecast) -> str:
    """Chance of the target with its standard error; a bound where all or no futures reach it."""
    chance, n_futures = outlook.chance(), outlook.n_futures
    # Of futures the "rule of three": 95 % confidence when none of n was seen.
    bound = 1e-4 if n_futures is None else 3 / n_futures
    if chance.value == 0 or (n_futures is None and chance.value < bound):
        return f"below {percent(bound, decimals=2)}" + (
            " (no simulated future reaches it)" if n_futures else ""
        )
    if chance.value == 1 or (n_futures is None and chance.value > 1 - bound):
        every = " (every simulated future reaches it)" if n_futures else ""
        return f"above {percent(1 - bound, decimals=2)}{every}"
    error = number(100 * chance.standard_error, decimals=1)
    return f"{percent(chance.value)} ± {error} points (one standard error)"


def chance_lines(outlook: Forecast) -> list[str]:
    """The chance of the target and the range of the total; without a target, how to ask."""
    if outlook.target is None:
        asked = paragraph("no target was given; ask with --target, such as --target 5M", first=lead("Chance"))
    else:
        text = f"of {with_unit(outlook.target, outlook)} or more in {span(outlook)}: {chance_text(outlook)}"
        asked = paragraph(text, first=lead("Chance"))
    lines = [
        *asked,
        *paragraph(f"80 % of the futures end between {range_text(outlook)}", first=lead("Range")),
    ]
    return [*lines, *_uncounted(outlook)]


def _uncounted(outlook: Forecast) -> list[str]:
    """What cash of the running period leaves out where no invoices tell of it."""
    from funnelsim.nouns.forecast import FROM_CUTOFF_NOTE

    if outlook.measure != "cash" or FROM_CUTOFF_NOTE not in outlook.notes:
        return []
    return paragraph(_PAID_BEFORE, first=lead(""))


_PAID_BEFORE = "counted from the cutoff on: what was paid before is not known without --invoices"


def checked_lines(test: Backtest) -> list[str]:
    """Whether such ranges have held at past origins, and the shock that was measured there."""
    share, low, high, _ = test.coverage()
    bounds = (
        f" (90 % interval {100 * low:.0f}-{100 * high:.0f})" if low == low else ""
    )  # NaN: too few origins
    shock = "" if test.shock is None else f"; shared shock {100 * test.shock.variances[0] ** 0.5:.0f} %"
    text = f"80 % ranges held {100 * share:.0f} % at {test.n_origins} past origins{bounds}{shock}"
    return paragraph(text, first=lead("Checked"))


def period_lines(outlook: Forecast, *, is_short: bool = False) -> list[str]:
    """Ranges by period and in total: Bookings, Revenue or Cash, or the number of wins."""
    table = outlook.table()
    titles = (
        {"realised": "Realised", "won_before": "Won before"}
        if "won_before" in table
        else {"realised": "Realised"}
    )
    titles |= {"open_deals": "Open deals", "new_deals": "New deals"}
    titles |= {"p10": "P10", "p50": "P50", "p90": "P90", "mean": "Mean", "mean_se": "± SE"}
    chosen = [name for name in titles if not (is_short and name in ("open_deals", "new_deals", "mean_se"))]
    decimals = decimals_for(table["p90"])
    rows = [
        [label, *(number(float(row[name]), decimals=decimals) for name in chosen)]
        for label, row in zip(table.index, table.to_dict("records"), strict=True)
    ]
    what = outlook.measure.capitalize() if outlook.is_money else "Number of wins"
    unit = f", {outlook.unit or 'unit not given'}" if outlook.is_money else ""
    head = heading(f"{what} by period{unit}")
    return [head, *text_table(["Period", *(titles[name] for name in chosen)], rows, "l" + "r" * len(chosen))]


def classical_lines(outlook: Forecast) -> list[str]:
    """The classical weighted pipeline, its formula written out, and what it leaves out."""
    if not outlook.classical or outlook.measure != "bookings":
        return []  # the formula counts bookings
    figure, *others = outlook.classical
    low, high = figure.interval80
    new_deals = float(outlook.table()["new_deals"].iloc[-1])
    lines = paragraph(
        f"weighted pipeline {with_unit(figure.figure, outlook)}; coin-flip 80 % range (each open deal one "
        f"coin) {number(low)} to {number(high)}",
        first=lead("Classical"),
    )
    lines += paragraph(f"= {figure.formula}", first=lead(""))
    lines += paragraph(
        f"= {number(outlook.realised_bookings)} + {number(figure.figure - outlook.realised_bookings)}",
        first=lead(""),
    )
    without_amount = int(outlook.deals.is_imputed.sum())
    also = f"{without_amount:,} open deals without an amount, " if without_amount else ""
    brings = with_unit(new_deals, outlook)
    if figure.label.endswith("nominal"):
        said = (
            f"It leaves out deals yet to come ({brings} on average), {also}when deals close, how long they "
            "have waited, and that its rates are nominal: nobody has measured them."
        )
    else:
        said = (
            f"It leaves out deals yet to come ({brings} on average), {also}when deals close, how long they "
            "have waited, and that the rates are estimates made of closed deals only."
        )
    lines += paragraph(said, first=lead(""))
    for other in others:
        lines += paragraph(
            f"With the nominal rates of the stages: {with_unit(other.figure, outlook)}.", first=lead("")
        )
    return lines


def like_for_like(comparison: LeverComparison) -> list[str]:
    """Why levers of one factor are not of one size: some act at every step that a deal takes."""
    n_open = len(comparison.base.deals.stage_names)
    if n_open < 2 or not any(_is_at_every_step(lever) for lever in comparison.levers):
        return []
    return paragraph(
        f"A lever at every step acts in each of the {n_open} stages a deal passes, one on new deals once: "
        "equal factors are not equal efforts."
    )


def _is_at_every_step(lever: object) -> bool:
    return getattr(lever, "stage", "") is None


def lever_lines(comparison: LeverComparison, *, has_joint: bool = True) -> list[str]:
    """Levers by what they add to the chance of the target: bars with shaded errors, and numbers."""
    table = comparison.table().iloc[1 : None if has_joint else 1 + len(comparison.levers)]
    changes, errors = table["change_of_chance"].tolist(), table["change_se"].tolist()
    is_decided = any(changes)
    largest = max(abs(c) + e for c, e in zip(changes, errors, strict=True)) if is_decided else 0.0
    names = [name_lines(name) for name in table.index]
    width = max((display_width(line) for name in names for line in name), default=0)
    room = min(36, LINE_WIDTH - width - display_width("      " + tr("+100.0 ± 100.0 points")))
    lines = []
    for name, change, error in zip(names, changes, errors, strict=True):
        bar = error_bar(change, error, largest=largest, room=room)
        sign = "+" if change > 0 else "-" if change < 0 else ""
        figure = f"{sign}{number(100 * abs(change), decimals=1)} ± {number(100 * error, decimals=1)} points"
        blanks = " " * (width - display_width(name[0]))
        lines.append(f"  {name[0]}{blanks}  {bar:<{room}}  {tr(figure)}")
        lines += [f"  {line}" for line in name[1:]]
    if not is_decided:
        too_far = "No simulated future is decided by a lever: the target is too far away, or certain."
        lines += paragraph(too_far, first="  ")
    return lines


def people_lines(outlook: Forecast) -> list[str]:
    """How far the hours of reps went, where the engine follows them."""
    if outlook.capacity is None:
        return []
    table, step = outlook.capacity.table(), outlook.capacity.step
    rows = [
        [
            label,
            f"{percent(row['use'])} ± {number(100 * row['use_se'], decimals=1)}",
            f"{number(row['wait'], decimals=2)} ± {number(row['wait_se'], decimals=2)}",
            f"{number(row['backlog_deals'], decimals=1)} ± {number(row['backlog_deals_se'], decimals=1)}",
            number(row["neglected"], decimals=1),
        ]
        for label, row in zip(table.index, table.to_dict("records"), strict=True)
    ]
    titles = ["Period", "Hours used", f"Wait, {step}s", "Deals waiting at the end", "Lost by neglect"]
    head = f"Reps' hours: {len(outlook.capacity.rep_names)} reps (±: one standard error)"
    return [heading(head), *text_table(titles, rows, "lrrrr")]


def note_lines(notes: Iterable[str], *, most: int | None = None) -> list[str]:
    """What a reader of the numbers must know."""
    every = list(dict.fromkeys(notes))
    shown = every[:most]
    lines = [line for note in shown for line in paragraph(as_options(note), first="  - ")]
    if len(every) > len(shown):
        lines += paragraph(f"{len(every) - len(shown)} more: see funnelsim forecast", first="  - ")
    return [heading("Notes"), *lines] if lines else []


def run_line(outlook: Forecast) -> str:
    """How the numbers were made, so that they can be made again."""
    from funnelsim import __version__

    futures = f"{outlook.n_futures:,} futures in " if outlook.n_futures else ""
    return heading(
        f"{outlook.engine}, {futures}{outlook.n_draws:,} draws of the parameters, "
        f"seed {outlook.seed}; funnelsim {__version__}"
    )
