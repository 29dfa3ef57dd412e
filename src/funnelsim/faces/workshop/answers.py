"""Answers to the exercises, as a room reads them: the number, why, and a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from funnelsim.faces.workshop import exercises
from funnelsim.faces.workshop.bars import Bar, bars
from funnelsim.faces.workshop.factors import Range
from funnelsim.faces.workshop.wording import percent, points, safe, stage_name
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
    why : tuple of str
        Sentences, in the language spoken.
    picture : str
        Markup.
    """

    value: float
    said: str
    why: tuple[str, ...]
    picture: str = ""


def _range_words(found: Range) -> str:
    return f"{percent(found.low)} – {percent(found.high)}"


def by_hand() -> Answer:
    """The formula, step by step."""
    found = exercises.by_hand()
    steps = " × ".join(
        [str(exercises.LEADS), *(percent(step) for step in exercises.STEPS), percent(exercises.CLOSE_RATE)]
    )
    return Answer(
        found.cash,
        f"{found.cash:,.0f}",
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
            f"{percent(one.value)} ({_range_words(one)})",
            (one.low, one.high),
        )
        for day, one in zip(found.days, found.closed, strict=True)
    ]
    first = found.closed[0]
    return Answer(
        100 * first.value,
        percent(first.value),
        (
            tr(f"Counted among {found.n_customers} customers of a simulated run; half of them needed "
               f"{found.half:.0f} days."),
            tr("A win rate says how many, not when: a quarter that ends in 30 days sees few of them."),
        ),
        bars(rows, top=1.0),
    )  # fmt: skip


def closed_only() -> Answer:
    """The short cut beside the fit."""
    found = exercises.closed_only()
    rows = []
    for month, closed, fitted in zip(found.months, found.closed, found.all_deals, strict=True):
        after = tr(f"after {month} months")
        rows.append(Bar(f"{after} · {tr('closed deals only')}", closed, percent(closed, 1), kind="other"))
        rows.append(
            Bar(
                f"{after} · {tr('open ones counted too')}",
                fitted.value,
                f"{percent(fitted.value, 1)} ({percent(fitted.low, 1)} – {percent(fitted.high, 1)})",
                (fitted.low, fitted.high),
            )
        )
    return Answer(
        100 * found.closed[0],
        percent(found.closed[0], 1),
        (
            tr("Losses come early and wins late. So for months the closed deals hold too many losses."),
            tr(
                "Counting every deal for as long as it was seen, open ones too, comes near the truth at "
                "once; its range says how near. The short cut has no honest range: it is wrong, not only "
                "unsure."
            ),
        ),
        bars(rows, mark=(found.truth, tr(f"truth {percent(found.truth)}"))),
    )


def coins() -> Answer:
    """How many ranges held."""
    found = exercises.coins()
    n = found.n_quarters
    rows = [
        Bar(tr(name), one.value, f"{percent(one.value)} ({_range_words(one)})", (one.low, one.high), kind)
        for name, one, kind in (
            ("coins", found.coins, "other"),
            ("forecast of the whole funnel", found.forecast, "main"),
        )
    ]
    return Answer(
        100 * found.coins.value,
        percent(found.coins.value),
        (
            tr(f"The coins' ranges held {found.coins.value * n:.0f} of {n} quarters, the forecast's "
               f"{found.forecast.value * n:.0f}; eight in ten were promised."),
            tr(f"Coins know only the deals that are open today: they missed {percent(-found.missed)} of "
               "the wins on average, and nobody knows how many deals are yet to come."),
        ),
        bars(rows, mark=(0.8, tr("promised: 80 %")), top=1.0),
    )  # fmt: skip


def fast_month() -> Answer:
    """The best month, and what luck makes of it."""
    found = exercises.fast_month()
    return Answer(
        found.best,
        str(found.best),
        (
            tr(f"The best month closed {found.best}, the one after it {found.after}; the mean is "
               f"{found.mean:.1f}. Nothing had changed."),
            tr(f"With nothing but luck the best of {len(found.closes)} such months lies between "
               f"{found.luck.low:.0f} and {found.luck.high:.0f}, four times in five. A bonus for it "
               "pays the dice."),
        ),
        columns(found),
    )  # fmt: skip


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
    level = height - unit * found.mean
    words = safe(tr(f"mean {found.mean:.1f}"))
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
    rows = [
        Bar(lever_words(name), change.value, points(change))
        for name, change in zip(found.names, found.changes, strict=True)
    ]
    return Answer(
        LEVERS.index(found.names[0]),
        lever_words(found.names[0]),
        (
            tr(f"From {percent(found.chance.value)} today. The later a step stands in the funnel, the sooner "
               "its gain is a win."),
            tr(f"More addresses now are wins in {waits.half / 30:.0f} to {waits.nine / 30:.0f} months; in "
               "the long run they are worth as much."),
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

    def both(pair: tuple[Estimate, Estimate], form: Callable[[float], str]) -> str:
        return " → ".join(f"{form(one.value)} ± {form(one.standard_error)}" for one in pair)

    orders = both(found.orders, lambda x: f"{x:.1f}")
    used = both(found.used, lambda x: f"{100 * x:.0f} %")
    wait = both(found.wait, lambda x: f"{x:.1f}")
    return Answer(
        100 * found.growth,
        f"{100 * found.growth:+.0f} %",
        (
            tr(f"Orders in six weeks: {orders}."),
            tr(f"Hours used: {used}. Days until a first call: {wait}."),
            tr(
                "The team was almost full. More leads wait longer, and many of them give up; time must come "
                "first."
            ),
        ),
    )
