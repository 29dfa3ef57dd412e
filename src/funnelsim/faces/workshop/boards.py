"""Boards of the page: the chance of the target, the range, and the course formula with live numbers."""

from __future__ import annotations

from funnelsim.faces.plots.style import Scale
from funnelsim.faces.workshop import hours as hours_of
from funnelsim.faces.workshop.factors import (
    AMOUNT,
    COLLECTION,
    CONVERSION,
    CYCLE,
    LEADS,
    STAY,
    WIN_RATE,
    Range,
)
from funnelsim.faces.workshop.hours import WithHours
from funnelsim.faces.workshop.model import Numbers, Room
from funnelsim.faces.workshop.outlook import N_FUTURES
from funnelsim.faces.workshop.wording import (
    adding_up,
    count,
    digits_of,
    error_of,
    is_count,
    money,
    name_of,
    percent,
    points,
    range_of,
    safe,
    scale_of,
    stage_name,
)
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.language import language, tr


def keys(room: Room, numbers: Numbers) -> str:
    """The numbers that a room must see: chance of the target today and now, and the range."""
    scale = scale_of(room.scenario, room.today.p90)
    asked = scale_of(room.scenario, room.scenario.target).text(room.scenario.target)
    ranges = [f"{scale.number(one.p10)} – {scale.number(one.p90)}" for one in (room.today, numbers)]
    means = [scale.number(one.mean.value) for one in (room.today, numbers)]
    chances = [percent(one.chance.value) for one in (room.today, numbers)]
    moved = points(numbers.change)
    against = tr("the same as today") if numbers.change == (0.0, 0.0) else tr(f"{moved} against today")
    return (
        '<div class="fs-keys">'
        f'<div class="fs-key main"><span>{safe(tr(f"The chance of {asked} or more"))}</span>'
        f"<p>{_from_to('chance', chances, numbers.chance.value)}<i>{safe(error_of(numbers.chance))}</i></p>"
        f'<em><strong data-number="change">{safe(against)}</strong></em></div>'
        f'<div class="fs-key"><span>{safe(_when(room))}</span><p>{_from_to("range", ranges)}</p>'
        f"<em>{safe(scale.name)} · {safe(tr('80 of 100 futures end in this range'))}</em></div>"
        f'<div class="fs-key"><span>{safe(tr("On average"))}</span><p>{_from_to("mean", means)}'
        f"<i>{safe(_mean_error(scale, numbers.mean))} {safe(scale.name)}</i></p>"
        f"<em>{safe(_parts(room, numbers))}</em></div></div>"
    )


def hours(room: Room, found: WithHours) -> str:
    """The chance with the team's hours, beside what it is compared with; empty where there is no team."""
    if room.scenario.team is None:
        return ""
    n_reps = len(room.scenario.team.reps)
    asked = tr("The same chance, with the team's hours")
    walked = tr(
        f"{n_reps} reps with hours of their own: deals wait until one has time. All other figures let a deal "
        "wait as long as in the past, however many come."
    )
    return (
        f'<div class="fs-hours" role="status"><div><span>{safe(asked)}</span>'
        f"<p>{_with_hours(found)}</p></div><em>{safe(walked)}</em></div>"
    )


def _with_hours(found: WithHours) -> str:
    if found.fault:
        return f"<i>{safe(tr(f'could not be computed: {tr(found.fault)}'))}</i>"
    if found.now is None:
        before = "" if found.today is None else f"<s>{safe(_one_digit(found.today))}</s>"
        return f"{before}<i>{safe(tr('being computed ...'))}</i>"
    before = "" if found.change is None or found.today is None else f"<s>{safe(_one_digit(found.today))}</s>"
    moved = "" if found.change is None else tr(f"{points(found.change)} against today")
    return (
        f'{before}<b data-number="hours" data-value="{found.now.value:.12g}">'
        f"{safe(_one_digit(found.now))}</b><i>{safe(error_of(found.now))}</i><strong>{safe(moved)}</strong>"
    )


def _one_digit(chance: Estimate) -> str:
    return percent(chance.value, 1)


def _from_to(name: str, said: list[str], value: float | None = None) -> str:
    """Today's value where it differs, and the one of now; with all its digits where a program may ask."""
    today, now = said
    before = f"<s>{safe(today)}</s>" if today != now else ""
    exact = f' data-value="{value:.12g}"' if value is not None else ""
    return f'{before}<b data-number="{name}"{exact}>{safe(now)}</b>'


def _mean_error(scale: Scale, mean: Estimate) -> str:
    """The standard error of a mean, to the last digit that the mean is written with."""
    digits = digits_of(scale.number(mean.value))
    error, least = mean.standard_error / scale.factor, 10.0**-digits
    return f"± {error:,.{digits}f}" if error >= 0.5 * least else f"± <{least:.{digits}f}"


def _when(room: Room) -> str:
    labels, what = room.periods.labels, room.measure
    return tr(f"Range of {tr(what)}, {labels[0]} to {labels[-1]}")


def _parts(room: Room, numbers: Numbers) -> str:
    scale = scale_of(room.scenario, room.today.p90)
    done, of_open, of_new = adding_up(numbers.parts, scale, digits_of(scale.number(numbers.mean.value)))
    if room.scenario.measure in ("revenue", "cash"):
        return tr(f"{done} won before + {of_open} open + {of_new} new")
    return tr(f"{done} realised + {of_open} open + {of_new} new")


def formula(room: Room, numbers: Numbers) -> str:
    """The course formula, line by line: each factor with today's value and its range, and what they make."""
    rows = [
        _factor_row(room, numbers, LEADS, ""),
        _factor_row(room, numbers, CONVERSION, "×"),
        _factor_row(room, numbers, WIN_RATE, "×"),
        _made_row(tr("wins, some day"), *(count(one.formula["wins"]) for one in (room.today, numbers))),
    ]
    if room.scenario.funnel.amounts is not None:
        cash = [money(room.scenario, one.formula["cash"]) for one in (room.today, numbers)]
        rows += [
            _factor_row(room, numbers, AMOUNT, "×"),
            _factor_row(room, numbers, COLLECTION, "×"),
            _made_row(tr("cash, some day"), *cash),
        ]
    return (
        f'<table class="fs-formula"><caption>{safe(tr("The course formula"))}</caption>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


_NO_RANGE = (
    "The formula gives one number without a range: it knows neither time nor luck. The futures count "
    "what comes by the date, open deals included."
)
_KNOWN = "Rates without a range are taken as known."


def _factor_row(room: Room, numbers: Numbers, key: str, sign: str) -> str:
    now, today = (said(room, key, one.values[key]) for one in (numbers, room.today))
    name = {LEADS: tr("leads to come"), CONVERSION: tr("conversion")}.get(key) or name_of(key)
    return (
        f'<tr><td>{sign}</td><th scope="row">{safe(name)}</th><td><b data-formula="{key}">{safe(now[0])}</b>'
        f"{_below(today[0] if today[0] != now[0] else '', now[1])}</td></tr>"
    )


def _made_row(name: str, today: str, now: str) -> str:
    return (
        f'<tr class="made"><td>=</td><th scope="row">{safe(name)}</th><td><b>{safe(now)}</b>'
        f"{_below(today if today != now else '', '')}</td></tr>"
    )


def _below(today: str, spread: str) -> str:
    """What stands below a number: its range, and today's value where that is another."""
    parts = [f"({spread})"] if spread else []
    parts += [tr(f"today {today}")] if today else []
    return f"<small>{safe(' · '.join(parts))}</small>" if parts else ""


def said(room: Room, key: str, found: Range) -> tuple[str, str]:
    """A factor's value and its range, in words."""
    if key == LEADS:
        return count(found.value), range_of(found, count)
    if key == AMOUNT:
        scale = Scale.of(found.value, room.scenario.funnel.unit)
        return scale.text(found.value), range_of(found, scale.number, scale.text)
    if key == STAY:
        step = room.scenario.funnel.clock.step
        return _steps(found.value, step), range_of(
            found, lambda one: f"{one:.3g}", lambda one: _steps(one, step)
        )
    digits = int(found.value < 0.2)
    return percent(found.value, digits), range_of(
        found, lambda one: f"{100 * one:.{digits}f}", lambda one: percent(one, digits)
    )


def _steps(number: float, step: str) -> str:
    return tr(f"{number:.3g} {step}" if f"{number:.3g}" == "1" else f"{number:.3g} {step}s")


def reading(room: Room, numbers: Numbers, key: str) -> str:
    """What stands beside a slider: today's value and the changed one."""
    step = {CONVERSION: 0, WIN_RATE: -1}.get(key)
    if key == CYCLE:
        change = 100 * (numbers.values[CYCLE].value - 1)
        return safe(tr("as it is") if abs(change) < 0.5 else tr(f"every stay {change:+.0f} %"))
    if step is not None:
        today, now = (percent(found.conversions[step].value) for found in (room.today, numbers))
    else:
        today, now = (said(room, key, found.values[key])[0] for found in (room.today, numbers))
    return f"<b>{safe(now)}</b>" if now == today else f"<s>{safe(today)}</s> <b>{safe(now)}</b>"


def where(room: Room, key: str) -> str:
    """Which stage a slider moves, where it moves one; what it leaves out, or why the chance does not move."""
    if key == LEADS and room.scenario.team is not None:
        return tr("as if reps had hours for all of them")
    if key == COLLECTION and room.rates.collected is None:
        return tr("no payments in this scenario: only the formula moves")
    if key in (AMOUNT, COLLECTION) and is_count(room.scenario):
        return tr("moves money, not wins")
    if key == COLLECTION and room.scenario.measure not in ("revenue", "cash"):
        return tr("moves cash, not what is signed")
    if key == COLLECTION:
        return tr("cannot pass 100 %")
    stages = {CONVERSION: room.rates.first, WIN_RATE: room.rates.last, STAY: room.rates.slowest}
    found = stage_name(room.scenario, stages[key]) if key in stages else ""
    return tr(f"{found}; follows the cycle") if key == STAY else found


def is_idle(room: Room, key: str) -> bool:
    """Whether a slider leaves the chance of the target as it is in this scenario."""
    if key == AMOUNT:
        return is_count(room.scenario)
    return key == COLLECTION and room.scenario.measure not in ("revenue", "cash")


def footnote(room: Room) -> str:
    """How the numbers were made, and why those of the command may differ."""
    engine = f"{N_FUTURES:,} simulated futures" if room.measure == "revenue" else "exact law"
    gap = "" if language() == "zh" else " "
    made = tr(
        f"Engine: {engine}, {room.n_draws} draws of the rates, seed 0; funnelsim forecast takes 100 draws, "
        "and simulated futures for cash and people, so its figures may differ by an error or two. ± is one "
        "standard error; ranges hold 80 of 100 futures, or draws of a rate."
    )
    known = [tr(_KNOWN)] if any(one.is_certain for one in room.today.values.values()) else []
    return gap.join([tr(_NO_RANGE), *known, made, *([] if room.scenario.team is None else [_walked_words()])])


def _walked_words() -> str:
    return tr(
        f"With the team's hours: {hours_of.N_FUTURES} simulated futures in {hours_of.N_DRAWS} draws, seed "
        f"{hours_of.SEED}, as funnelsim forecast takes them."
    )
