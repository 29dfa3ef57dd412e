"""Answers to the exercises, as a room reads them: the number, why, and a picture."""

from __future__ import annotations

from dataclasses import dataclass

from funnelsim.faces.workshop import exercises
from funnelsim.faces.workshop.bars import Bar, bars
from funnelsim.faces.workshop.factors import Range
from funnelsim.faces.workshop.wording import error_of, percent, points, safe, share, stage_name
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.language import tr


@dataclass(frozen=True)
class Answer:
    """What is revealed.

    Parameters
    ----------
    value : float or int
        What the guess is held against: a number, or the place of the right choice.
    said : str
        The value in words.
    sure : str
        How sure it is: its range, or why it has none.
    why : tuple of str
        Sentences, in the language spoken.
    picture : str
        Markup.
    spread : (low, high), optional
        The range as it is shown, in the units of a guess; None where the answer is exact, or a choice.
    """

    value: float
    said: str
    sure: str
    why: tuple[str, ...]
    picture: str = ""
    spread: tuple[float, float] | None = None


def _range_words(found: Range, digits: int = 0) -> str:
    return f"{100 * found.low:.{digits}f} – {percent(found.high, digits)}"


def _sure(found: Range, digits: int = 0) -> str:
    return tr(f"80 % range {_range_words(found, digits)}")


def _spread(found: Range, digits: int = 0) -> tuple[float, float]:
    """The ends of a range of a share, in percent, as they are shown."""
    return round(100 * found.low, digits), round(100 * found.high, digits)


def _with_range(found: Range, digits: int = 0) -> str:
    return f"{percent(found.value, digits)} ({_range_words(found, digits)})"


_EIGHTY = 1.2816  # standard errors on either side of a mean that hold 80 % of the normal law
_EXACT = "exact: arithmetic, with no chance in it"


def by_hand() -> Answer:
    """The formula, step by step."""
    found = exercises.by_hand()
    steps = " × ".join(
        [str(exercises.LEADS), *(percent(step) for step in exercises.STEPS), percent(exercises.CLOSE_RATE)]
    )
    return Answer(
        found.cash,
        f"{found.cash:,.0f}",
        tr(_EXACT),
        (
            f"{steps} = {found.wins:.3g}",
            f"{found.wins:.3g} × {exercises.YIELD:,} = {found.bookings:,.0f}",
            f"{found.bookings:,.0f} × {percent(exercises.COLLECTED)} = {found.cash:,.0f}",
            tr("One number, and no range: the formula knows neither time nor luck."),
        ),
    )


def equal_factors() -> Answer:
    """None is worth more."""
    gain = exercises.by_hand().gains[0]
    return Answer(
        5,
        tr("all the same"),
        tr(_EXACT),
        (
            tr(f"Each brings {100 * gain:.0f} % more cash: a product does not mind where a factor stands."),
            tr("Time does mind, and so does luck: that is the rest of the workshop."),
        ),
    )


def backwards() -> Answer:
    """Addresses for each person and week."""
    found = exercises.backwards()
    return Answer(
        found.each.value,
        f"{found.each.value:.1f}",
        tr(_EXACT),
        (
            tr(
                f"{exercises.WINS} closed / 6 % = {found.needed:.0f} addresses; shared by 5 people and 26 "
                "weeks."
            ),
            tr("The rates are taken as known here, so the plan has no range; what came will still scatter."),
        ),
    )


def waits() -> Answer:
    """How many customers have closed by then."""
    found = exercises.waits()
    rows = [
        Bar(
            tr(f"after {day} days"),
            one.value,
            _with_range(one),
            (one.low, one.high),
        )
        for day, one in zip(found.days, found.closed, strict=True)
    ]
    first = found.closed[0]
    return Answer(
        100 * first.value,
        percent(first.value),
        _sure(first),
        (
            tr(f"Counted among {found.n_customers} customers of a simulated run; half of them needed "
               f"{found.half.value:.0f} days ({found.half.low:.0f} – {found.half.high:.0f})."),
            tr("A win rate says how many, not when: a quarter that ends in 30 days sees few of them."),
        ),
        bars(rows, top=1.0),
        _spread(first),
    )  # fmt: skip


def closed_only() -> Answer:
    """The short cut beside the fit."""
    found = exercises.closed_only()
    rows = []
    for month, closed, fitted in zip(found.months, found.closed, found.all_deals, strict=True):
        after = tr(f"after {month} months")
        for words, one, kind in (
            ("closed deals only", closed, "other"),
            ("open ones counted too", fitted, "main"),
        ):
            spread = (one.low, one.high)
            rows.append(Bar(f"{after} · {tr(words)}", one.value, _with_range(one, 1), spread, kind))
    first = found.closed[0]
    return Answer(
        100 * first.value,
        percent(first.value, 1),
        _sure(first, 1),
        (
            tr("Losses come early and wins late. So for months the closed deals hold too many losses."),
            tr(
                "Counting every deal for as long as it was seen, open ones too, comes near the truth at "
                "once, and its range holds the truth. For months the short cut's own range leaves it out: it "
                "is wrong, not only unsure."
            ),
        ),
        bars(rows, mark=(found.truth, tr(f"truth {percent(found.truth)}, as the funnel was built"))),
        _spread(first, 1),
    )


def coins() -> Answer:
    """How many ranges held."""
    found = exercises.coins()
    n = found.n_quarters
    rows = [
        Bar(tr(name), one.value, _with_range(one), (one.low, one.high), kind)
        for name, one, kind in (
            ("coins", found.coins, "other"),
            ("forecast of the whole funnel", found.forecast, "main"),
        )
    ]
    return Answer(
        100 * found.coins.value,
        percent(found.coins.value),
        _sure(found.coins),
        (
            tr(f"The coins' ranges held {found.coins.value * n:.0f} of {n} quarters, the forecast's "
               f"{found.forecast.value * n:.0f}; eight in ten were promised."),
            tr(f"Coins know only the deals that are open today: they missed {_with_range(found.missed)} "
               "of the wins on average, and nobody knows how many deals are yet to come."),
        ),
        bars(rows, mark=(0.8, tr("promised: 80 %")), top=1.0),
        _spread(found.coins),
    )  # fmt: skip


def fast_month() -> Answer:
    """The best month, and what luck makes of it."""
    found = exercises.fast_month()
    return Answer(
        found.best,
        str(found.best),
        tr("counted, so exact; which month is best is luck"),
        (
            tr(f"The best month closed {found.best}, the one after it {found.after}; the mean is "
               f"{_mean_words(found.mean)}. Nothing had changed."),
            tr(f"With nothing but luck the best of {len(found.closes)} such months lies between "
               f"{found.luck.low:.0f} and {found.luck.high:.0f}, four times in five. A bonus for it "
               "pays the dice."),
        ),
        columns(found),
    )  # fmt: skip


def _mean_words(mean: Estimate) -> str:
    return f"{mean.value:.1f} ± {mean.standard_error:.1f}"


def columns(found: exercises.FastMonth) -> str:
    """Closed deals by month; the best one stands out."""
    width, height = 640.0, 130.0
    each, unit = width / len(found.closes), (height - 24) / max(found.closes)
    best = found.closes.index(found.best)
    drawn = "".join(
        f'<rect class="{"other" if i == best else "main"}" x="{i * each + 1:.1f}" '
        f'y="{height - unit * n:.1f}" width="{each - 2:.1f}" height="{unit * n:.1f}"/>'
        for i, n in enumerate(found.closes)
    )
    level = height - unit * found.mean.value
    words = safe(tr(f"mean {_mean_words(found.mean)}"))
    alt = safe(tr(f"Closed deals in {len(found.closes)} months: {found.best} in the best one."))
    return (
        f'<svg class="fs-bars" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{alt}">{drawn}'
        f'<line class="mark" x1="0" x2="{width}" y1="{level:.1f}" y2="{level:.1f}"/>'
        f'<text class="word" x="4" y="14">{words}</text>'
        f'<text class="word strong" x="{(best + 0.5) * each:.1f}" y="18" text-anchor="middle">'
        f"{found.best}</text></svg>"
    )


def first_lever() -> Answer:
    """The levers in their order."""
    found, waits = exercises.first_lever(), exercises.waits()

    def days(found: Range) -> str:
        return f"{found.value:.0f} ({found.low:.0f} – {found.high:.0f})"

    rows = [
        Bar(lever_words(name), change.value, points(change))
        for name, change in zip(found.names, found.changes, strict=True)
    ]
    return Answer(
        LEVERS.index(found.names[0]),
        lever_words(found.names[0]),
        points(found.changes[0]),
        (
            tr(f"From {share(found.chance)} today. The later a step stands in the funnel, the sooner "
               "its gain is a win."),
            tr(f"Of addresses that are won, half are within {days(waits.half)} days, nine in ten within "
               f"{days(waits.nine)}. In the long run more addresses are worth as much."),
        ),
        bars(rows),
    )  # fmt: skip


def lever_words(name: str) -> str:
    """A lever of the course's scenario, its stage in the language spoken."""
    said = tr(name)
    course = exercises.course()
    for stage in course.funnel.stages.open:
        said = said.replace(stage.name, stage_name(course, stage.name))
    return said


LEVERS = (
    "new deals +10 %",
    "conversion of Customer data from 50 to 55 %",
    "conversion of Relationship from 48 to 52.8 %",
    "conversion of Purchase intent from 50 to 55 %",
    "speed at every step +10 %",
)  # as the scenario lists them


def saturation() -> Answer:
    """What 60 % more leads bring the same team."""
    found = exercises.saturation()
    orders, wait = (
        " → ".join(f"{one.value:.1f} ± {one.standard_error:.1f}" for one in pair)
        for pair in (found.orders, found.wait)
    )
    used = " → ".join(share(one) for one in found.used)
    growth, reach = found.growth.value, _EIGHTY * found.growth.standard_error
    spread = Range(growth, growth - reach, growth + reach)
    return Answer(
        100 * growth,
        f"{100 * growth:+.1f} %",
        f"{error_of(found.growth)}; {_sure(spread, 1)}",
        (
            tr(f"Orders in six weeks: {orders}."),
            tr(f"Hours used: {used}. Days until a first call: {wait}."),
            tr("Simulated futures of the team; ± is one standard error."),
            tr(
                "The team was almost full. More leads wait longer, and many of them give up; time must come "
                "first."
            ),
        ),
        spread=_spread(spread, 1),
    )
