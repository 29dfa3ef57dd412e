"""The funnel with deals moving through it: a picture in HTML and CSS, without a script."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from funnelsim.faces.workshop.factors import LEADS, Moves
from funnelsim.faces.workshop.model import Numbers, Room
from funnelsim.faces.workshop.wording import heading, percent, stage_name
from funnelsim.nouns.funnel import Funnel
from funnelsim.numerics.incidence import incidence_by_age
from funnelsim.vocabulary.language import tr
from funnelsim.vocabulary.randomness import Streams

N_DEALS = 120  # that enter in a period, with as many leads as today
_MOST_DEALS = 180
_MOST_STAYS = 12  # of a deal that goes back and forth
_SECONDS = 9.0  # that a deal takes for all stages at today's median stays
_PERIOD = 4.0  # seconds after which the next deal like it enters
_STUCK = 8.0  # seconds in which a deal that is never decided is shown
_FALL = 0.7  # seconds in which a lost deal drops out
_HALF = 54.0  # half the height of the funnel at its mouth, in pixels
_MIDDLE = 62.0
_LEAST_HALF = 4.0
_OUTSIDE, _BELOW = 102.0, 134.0  # where nothing is seen any more: per cent of the width, pixels
_OUTERMOST = 0.92  # of half the height: how far from the middle a deal moves

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Deal:
    """One deal on its way: when it stands at which border between stages, and how it ends.

    Parameters
    ----------
    borders : tuple of (seconds, border)
        Border 0 is the mouth of the funnel; border k the end of stage k.
    is_won : bool
        Otherwise it is lost, or still there, in the middle of a stage.
    """

    borders: tuple[tuple[float, float], ...]
    is_won: bool


def deals(room: Room, funnel: Funnel, n_deals: int) -> list[Deal]:
    """Deals drawn from the rates of a funnel; the same random numbers wherever the sliders stand.

    A deal keeps its luck: what changes from one picture to the next is what the sliders changed.
    """
    n_open = funnel.stages.n_open
    luck = Streams(0).generator("workshop deals").random((_MOST_DEALS, _MOST_STAYS, 2))
    laws = [
        incidence_by_age(
            hazards.first_age, funnel.mean_hazards(stage), 2 * int(hazards.first_age[-1])
        ).cumsum(axis=0)
        for stage, hazards in enumerate(funnel.hazards)
    ]
    pace = _SECONDS / max(sum(room.rates.median_stays), 1.0)
    return [_deal(funnel, laws, one, pace, n_open) for one in luck[:n_deals]]


def _deal(funnel: Funnel, laws: list[Floats], luck: Floats, pace: float, n_open: int) -> Deal:
    stage, seconds = 0, 0.0
    borders = [(0.0, 0.0)]
    for which, when in luck.tolist():
        law = laws[stage]
        forward_first = np.argsort(~funnel.stages.is_forward(stage), kind="stable")
        reached = np.cumsum(law[-1][forward_first])
        if which >= reached[-1]:
            break  # never decided
        place = int(forward_first[np.searchsorted(reached, which, side="right")])
        age = float(np.searchsorted(law[:, place], when * law[-1, place])) + when
        seconds += max(age * pace / float(funnel.changes.speed[stage, place]), 0.15)
        if place >= n_open:
            is_won = bool(funnel.stages.is_won[place])
            borders.append((seconds, float(n_open if is_won else stage + 0.2 + 0.6 * when)))
            return Deal(tuple(borders), is_won)
        stage = place
        borders.append((seconds, float(stage)))
    return Deal((*borders, (seconds + _STUCK, stage + 0.5)), False)


def flow(room: Room, moves: Moves, numbers: Numbers) -> str:
    """The picture for a position of the sliders: today's outline dashed, the changed funnel filled."""
    funnel = room.funnel(moves)
    share = 1.0 + moves.get(LEADS, 0) / 100
    n_deals = min(round(N_DEALS * share), _MOST_DEALS)
    n_open = funnel.stages.n_open
    halves = _halves(numbers.reach)
    dots, frames = [], []
    lanes = Streams(0).generator("workshop lanes").random((_MOST_DEALS, 2)).tolist()
    for i, deal in enumerate(deals(room, funnel, n_deals)):
        lane, entered = lanes[i]
        path = _Path.of(deal, _OUTERMOST * (2 * lane - 1), halves, n_open)
        frames.append(f"@keyframes d{i}{{{path.frames}}}")
        kind = " class=w" if deal.is_won else ""
        for turn in range(path.n_turns):
            moment = (turn + entered) * _PERIOD
            dots.append(
                f'<i{kind} style="transform:{path.at(moment)};'
                f'animation:d{i} {path.n_turns * _PERIOD:.0f}s linear {-moment:.2f}s infinite"></i>'
            )
    return (
        f"<style>{''.join(frames)}</style>"
        f'<div class="fs-flow" role="img" aria-label="{escape(_sentence(room, numbers))}">'
        f'<div class="fs-stages" style="--n:{n_open + 1}">{_heads(room, numbers)}</div>'
        f'<div class="fs-tube">{_outlines(room, numbers)}{"".join(dots)}</div>'
        f'<div class="fs-stages fs-feet" style="--n:{n_open + 1}">{_feet(room, numbers)}</div></div>'
    )


def _halves(reach: tuple[float, ...]) -> Floats:
    """Half the height of the funnel at each border, in proportion to the deals that get there."""
    return np.maximum(np.asarray(reach) / 100 * _HALF, _LEAST_HALF)


@dataclass(frozen=True)
class _Path:
    """The way of a deal over the picture: seconds since it entered, and where it is then.

    A deal that stays for several periods is drawn as often, so that each period has as many that enter.
    """

    frames: str
    n_turns: int
    times: tuple[float, ...]
    places: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, deal: Deal, lane: float, halves: Floats, n_open: int) -> _Path:
        end = deal.borders[-1][0]
        n_turns = int(np.ceil((end + _FALL + 0.3) / _PERIOD))
        times = tuple(seconds for seconds, _ in deal.borders)
        at_borders = np.array([border for _, border in deal.borders])
        width = 100.0 / (n_open + 1)
        heights = _MIDDLE + lane * np.interp(at_borders, np.arange(len(halves)), halves)
        places = tuple(zip((at_borders * width).tolist(), heights.tolist(), strict=True))
        x = places[-1][0]
        # It leaves over the edge: to fade out as well would double what a browser has to do.
        last = (_OUTSIDE, _MIDDLE) if deal.is_won else (x + width * 0.1, _BELOW)
        share = 100 / (n_turns * _PERIOD)
        steps = [
            f"{share * seconds:.1f}%{{transform:{_at(*place)}}}"
            for seconds, place in zip(times, places, strict=True)
        ]
        steps.append(f"{share * (end + _FALL):.1f}%,to{{transform:{_at(*last)}}}")
        return cls("".join(steps), n_turns, (*times, end + _FALL), (*places, last))

    def at(self, moment: float) -> str:
        """Where it is in a picture that stands still, some seconds after it entered."""
        return _at(*(float(np.interp(moment, self.times, one)) for one in zip(*self.places, strict=True)))


def _at(x: float, y: float) -> str:
    return f"translate({x:.1f}cqw,{y:.0f}px)"


def _outlines(room: Room, numbers: Numbers) -> str:
    """The changed funnel filled, and the outline of today's."""
    filled, dashed = (_outline(_halves(found.reach), len(found.reach)) for found in (numbers, room.today))
    return (
        f'<svg viewBox="0 0 100 {2 * _MIDDLE:.0f}" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="now" d="{filled}"/><path class="today" d="{dashed}"/></svg>'
    )


def _outline(halves: Floats, n: int) -> str:
    xs = [100.0 * k / n for k in range(n)] + [100.0]
    ends = [*halves.tolist(), float(halves[-1])]
    top = [f"{x:.2f},{_MIDDLE - half:.1f}" for x, half in zip(xs, ends, strict=True)]
    bottom = [f"{x:.2f},{_MIDDLE + half:.1f}" for x, half in zip(xs, ends, strict=True)]
    return f"M{' L'.join([*top, *bottom[::-1]])}Z"


def _heads(room: Room, numbers: Numbers) -> str:
    names = [stage_name(room.scenario, stage.name) for stage in room.scenario.funnel.stages.open] + [
        heading(tr("won"))
    ]
    return "".join(
        f"<div><b>{escape(name)}</b><span>{reach:.3g}</span></div>"
        for name, reach in zip(names, numbers.reach, strict=True)
    )


def _feet(room: Room, numbers: Numbers) -> str:
    cells = []
    for step in numbers.conversions:
        spread = "" if step.is_certain else f"<small>{100 * step.low:.0f}–{100 * step.high:.0f}</small>"
        cells.append(f"<div>{percent(step.value)}<u> →</u>{spread}</div>")
    won = numbers.won
    spread = "" if won.is_certain else f"<small>{100 * won.low:.3g}–{100 * won.high:.3g}</small>"
    return "".join([*cells, f"<div>{tr('of 100 leads')}{spread}</div>"])


def _sentence(room: Room, numbers: Numbers) -> str:
    reach, before = numbers.reach[-1], room.today.reach[-1]
    return tr(f"Of 100 leads {reach:.3g} are won in the end; with today's rates {before:.3g}.")
