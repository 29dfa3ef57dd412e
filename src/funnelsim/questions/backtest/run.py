"""backtest: forecasts made again at past origins, rivals on the same cells; calibrate: the shared shock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from funnelsim.fitting.fit import fit as fit_funnel
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory, HistoryError
from funnelsim.nouns.law import Counted, Futures
from funnelsim.nouns.shock import Shock
from funnelsim.questions.backtest.asked import check_answer, check_numbers, check_rivals, of_measure
from funnelsim.questions.backtest.kept import Kept
from funnelsim.questions.backtest.looks import Fit, Look, Wins, overlap_of, shock_of
from funnelsim.questions.backtest.origins import BacktestError, Origin, origins_of
from funnelsim.questions.backtest.result import OURS, Backtest
from funnelsim.questions.backtest.rows import deal_rows, floor_rows, rows_of
from funnelsim.questions.baselines.protocol import Rival, RivalError, Samples
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.errors import english
from funnelsim.vocabulary.progress import watched
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]
_Answer = tuple[Samples, np.random.Generator]  # the generator goes on for the score of the same totals

_LEAST_WINS = 5


@checked
def backtest(
    history: DealHistory,
    *,
    periods: str = "1Q",
    origins: int | Sequence[object] = 12,
    burn_in: int = 0,
    measure: Counted | None = None,
    rivals: Sequence[Rival] = (),
    fit: Fit = fit_funnel,
    with_shock: bool = True,
    n_draws: int = 100,
    n_futures: int = 2_000,
    seed: int | np.random.Generator | None = 0,
    workers: int = 1,
    progress: Progress | None = None,
    keep_in: str | Path | None = None,
) -> Backtest:
    """Make forecasts again at past origins, each from what was known then, and hold them against what came.

    Parameters
    ----------
    history : DealHistory
    periods : str
        Number and length of the periods after each origin: ``"4W"``, ``"1Q"``, ``"8Q"``, ``"4x10D"``.
    origins : int or sequence of dates
        How many, one period apart, the latest one period before the end of the history; or the days at whose
        end forecasts are made.
    burn_in : int
        First origins that only tell of the shared shock and are not scored.
    measure : {"bookings", "wins"}, optional
        What the verdict, the shock and the rivals are about; bookings where there are amounts.
    rivals : sequence of Rival
        Other methods, run on the same cells: see :mod:`funnelsim.questions.baselines`.
    fit : callable
        From a history to a funnel; all choices of the model belong into it, so that they are made anew at
        every origin.
    with_shock : bool
        Whether the shared shock is measured, at each origin from the origins before it.
    n_draws, n_futures : int
    seed : int, Generator or None
    workers : int
        Processes (joblib). The answer is the same for any number.
    progress : callable, optional
        Called with the number of origins done and of all.
    keep_in : path, optional
        A folder for what was fitted at each origin: when the backtest is interrupted, the same call goes on
        from there. It serves one history, fit, seed and number of draws.

    Returns
    -------
    Backtest

    Raises
    ------
    BacktestError
        If no origin has enough history before it: some won deals, and a whole period after it; or `keep_in`
        holds another backtest.
    RivalError
        If a rival gives chances of deals, but not one for each open deal.

    Notes
    -----
    At an origin only what was recorded by then exists (:meth:`DealHistory.as_of`). Amounts and attributes
    without a record of their own are those of today's export, which may know more than was known then.
    """
    check_numbers(n_draws=(n_draws, 2), n_futures=(n_futures, 1), burn_in=(burn_in, 0))
    rivals = check_rivals(rivals)
    streams, wins = Streams.of(seed), Wins.of(history)
    asked = origins_of(history, periods, origins)
    kept = None if keep_in is None else Kept.at(Path(keep_in), history, fit, n_draws, streams)
    made, notes = _looks(history, asked, fit, n_draws, streams, workers, progress, kept)
    chosen, made, left_out = of_measure(measure, made)
    notes += [*left_out, *wins.without_amount(asked[0], chosen)]
    scored = made[burn_in:]
    if not scored:
        raise BacktestError(_nothing_to_score(asked, notes, burn_in))
    rows: list[dict[str, object]] = []
    deals: list[pd.DataFrame] = []
    silent: dict[str, list[str]] = {}
    for look in scored:
        shock = _shock_then(history, look, made, chosen) if with_shock else None
        rows += _our_rows(look, wins, look.futures(shock, n_futures), streams)
        answers = _answers(history, look, rivals, chosen, n_futures, streams, silent)
        rows += _rival_rows(look, wins, chosen, answers)
        deals.append(deal_rows(look, wins, _deal_chances(look, answers)))
    if not rows:
        raise BacktestError("no period had ended by the end of the history; choose earlier origins")
    return Backtest(
        pd.DataFrame(rows),
        pd.concat(deals, ignore_index=True),
        pd.concat([floor_rows(look, chosen) for look in scored], ignore_index=True),
        chosen,
        len(scored[0].periods),
        overlap_of(scored),
        streams.seed,
        history.unit,
        (*notes, *_silence(silent)),
        shock_of(made, wins, history.cutoff_step, chosen) if with_shock else None,
    )


@checked
def calibrate(
    history: DealHistory,
    funnel: Funnel,
    *,
    periods: str = "1Q",
    origins: int | Sequence[object] = 12,
    measure: Counted | None = None,
    fit: Fit = fit_funnel,
    n_draws: int = 50,
    seed: int | np.random.Generator | None = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Funnel:
    """The funnel with the shared shock that its own past forecasts show.

    Parameters
    ----------
    history : DealHistory
    funnel : Funnel
        Fitted to `history`.
    periods, origins, measure, fit, n_draws, seed, workers, progress
        As in :func:`backtest`; eight to twenty origins are usual.

    Returns
    -------
    Funnel
        Forecasts say in a note what was measured.

    Raises
    ------
    BacktestError
        If no past forecast can be made; a fitted funnel has a prior shock until then.

    Examples
    --------
    >>> import funnelsim as fs
    >>> history = fs.simulate_history(seed=1)
    >>> fs.calibrate(history, fs.fit(history), periods="1Q", origins=4).shock.n_origins
    4
    """
    streams, wins = Streams.of(seed), Wins.of(history)
    asked = origins_of(history, periods, origins)
    check_numbers(n_draws=(n_draws, 2))
    made, notes = _looks(history, asked, fit, n_draws, streams, workers, progress)
    chosen, made, left_out = of_measure(measure or ("wins" if funnel.amounts is None else "bookings"), made)
    shock = shock_of(made, wins, history.cutoff_step, chosen) if made else None
    if shock is None or shock.n_origins == 0:
        raise BacktestError(_nothing_to_score(asked, [*notes, *left_out], 0))
    return funnel.with_shock(shock)


def _looks(
    history: DealHistory,
    asked: Sequence[Origin],
    fit: Fit,
    n_draws: int,
    streams: Streams,
    workers: int,
    progress: Progress | None,
    kept: Kept | None = None,
) -> tuple[list[Look], list[str]]:
    """Looks at the origins that have enough history before them, and what was left out."""
    tasks = (joblib.delayed(_look)(history, origin, fit, n_draws, streams, kept) for origin in asked)
    if isinstance(workers, bool) or not isinstance(workers, int) or workers == 0:
        raise BacktestError(f"workers={workers!r}: give the number of processes, or -1 for all cores")
    done: Iterator[Look | str] = joblib.Parallel(n_jobs=workers, return_as="generator")(tasks)
    looks: list[Look] = []
    notes: list[str] = []
    shown = watched(done, "forecasting at past origins", len(asked)) if progress is None else done
    for i, look in enumerate(shown):
        if isinstance(look, str):
            notes.append(look)
        else:
            looks.append(look)
        if progress is not None:
            progress(i + 1, len(asked))
    return looks, notes


def _look(
    history: DealHistory, origin: Origin, fit: Fit, n_draws: int, streams: Streams, kept: Kept | None
) -> Look | str:
    """A look, or why there is none."""
    try:
        seen = history.as_of(origin.moment)
    except HistoryError as error:
        return f"the origin {origin.day} is left out: {english(error)}"
    n_won = int((seen.deals["outcome"] == "won").sum())
    if n_won < _LEAST_WINS:
        return f"the origin {origin.day} is left out: wins by then {n_won}, needed {_LEAST_WINS}"
    found = None if kept is None else kept.find(seen, origin, streams)
    if found is not None:
        return found
    with threadpool_limits(1):
        look = Look.at(seen, origin, fit, n_draws, streams)
    if kept is not None:
        kept.keep(look)
    return look


def _shock_then(history: DealHistory, look: Look, made: Sequence[Look], measure: Counted) -> Shock:
    """The shock as it could be measured at an origin: the wins it is held against are those of then."""
    seen = history.as_of(look.origin.moment)
    return shock_of(made, Wins.of(seen), int(look.origin.edges[0]) - 1, measure)


def _our_rows(look: Look, wins: Wins, futures: Futures, streams: Streams) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for measure in look.measures:
        of_open, of_new = futures.parts(measure)
        actual = _actual(look, wins, measure)
        rng = streams.generator("pit", int(look.origin.edges[0]), len(measure))
        samples = {"open": of_open, "total": of_open + of_new}
        rows += rows_of(OURS, look, measure, samples, actual, rng)
    return rows


def _actual(look: Look, wins: Wins, measure: Counted) -> dict[str, np.ndarray]:
    edges = look.origin.edges
    return {
        "open": wins.by_period(edges, measure, look.pipeline.deal_ids),
        "total": wins.by_period(edges, measure, None),
    }


def _answers(
    history: DealHistory,
    look: Look,
    rivals: Sequence[Rival],
    measure: Counted,
    n_samples: int,
    streams: Streams,
    silent: dict[str, list[str]],
) -> dict[str, _Answer]:
    """What the rivals say at one origin; why some had no answer is added to `silent`."""
    answers: dict[str, _Answer] = {}
    if not rivals:
        return answers  # seeing a history again as of a day takes its time
    seen, edges = history.as_of(look.origin.moment), look.origin.edges
    for i, rival in enumerate(rivals):
        rng = streams.generator("rival", i, int(edges[0]))
        try:
            drawn = rival.forecast(seen, edges, measure, n_samples, rng)
            check_answer(rival.name, drawn, len(edges) - 1)
            answers[rival.name] = drawn, rng
        except RivalError as error:
            silent.setdefault(rival.name, []).append(f"{look.origin.day}: {english(error)}")
    return answers


def _rival_rows(
    look: Look, wins: Wins, measure: Counted, answers: Mapping[str, _Answer]
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    actual = _actual(look, wins, measure)
    for name, (drawn, rng) in answers.items():
        samples = {"total": drawn.total}
        if drawn.open_deals is not None:
            samples["open"] = drawn.open_deals
        rows += rows_of(name, look, measure, samples, actual, rng)
    return rows


def _deal_chances(look: Look, answers: Mapping[str, _Answer]) -> dict[str, Floats]:
    """Chances of the open deals to be won within all periods: ours, and of the rivals that give any."""
    theirs = {name: drawn.deal_chance for name, (drawn, _) in answers.items()}
    ours = np.minimum(look.deal_chances().sum(axis=1), 1.0)
    return {OURS: ours} | {name: chance for name, chance in theirs.items() if chance is not None}


def _silence(silent: dict[str, list[str]]) -> list[str]:
    """Which rivals had no forecast, at how many origins, and why at the last of them."""
    return [
        f"{name} has no forecast at {len(why)} origins, the last of them {why[-1]}"
        for name, why in silent.items()
    ]


def _nothing_to_score(asked: Sequence[Origin], notes: Sequence[str], burn_in: int) -> str:
    why = f" {notes[-1]}." if notes else ""
    kept = f" {burn_in} of them are kept for the shared shock." if burn_in else ""
    return (
        f"none of {len(asked)} origins, {asked[0].day} to {asked[-1].day}, can be scored.{why}{kept} A "
        f"backtest needs {_LEAST_WINS} won deals before an origin and a whole period after it: give a longer "
        "history, shorter periods, or origins within it"
    )
