"""The table of a benchmark on worlds: error, scores, coverage and bias by family and method."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.table import told
from funnelsim.numerics.block_bootstrap import BlockInterval, bootstrap_statistic
from funnelsim.questions.worlds.methods import ORACLE, OURS
from funnelsim.questions.worlds.sample import WorldError
from funnelsim.vocabulary.display import PERCENT

Floats = npt.NDArray[np.float64]

LEVELS = (50, 80, 95)
_BOOTSTRAP_SEED = 5


def table_of(cells: pd.DataFrame, part: str = "total") -> pd.DataFrame:
    """The cells of trials, summed up by family and method.

    Parameters
    ----------
    cells : DataFrame
        From :func:`~funnelsim.questions.worlds.trial.run_trials`; those of several runs may be concatenated.
    part : {"total", "open"}
        All that is won, or only what is won of the deals open at the cutoff.

    Returns
    -------
    DataFrame
        Index: ``family``, ``method``. ``n_worlds``, and ``n_failed`` of them without a forecast; ``error``:
        sum of the distances of medians from actuals over the sum of actuals; ``ncrps``: the same for CRPS;
        ``cover50``, ``cover80``, ``cover95``: share of intervals that held, each with ``_se``; ``bias``: sum
        of (mean - actual) over sum of actual, with ``bias_se``; ``width80``: width of the 80 % interval over
        actual; ``over_oracle``: error less the oracle's; ``best_rival``: the method of least error besides
        ours and the oracle; ``difference``: error less the best rival's. Both differences come with ``_low``
        and ``_high``: a paired 95 % interval. ``seconds``: mean time of a forecast.

    Raises
    ------
    WorldError
        If there is no such part.

    Notes
    -----
    Worlds are independent of each other, so standard errors of shares are binomial (with several quarters a
    world counts once, with its share) and intervals resample worlds. The best rival is chosen on the same
    worlds, which flatters it. A method that failed in some worlds is compared in the others; it is best rival
    only if none answered everywhere.
    """
    chosen = cells[cells["part"] == part]
    if chosen.empty:
        raise WorldError(f"no cell is of the part {part!r}; parts are 'total' and 'open'")
    rows = []
    for family, of_family in chosen.groupby("family", sort=False):
        worlds = {str(name): _by_world(some) for name, some in of_family.groupby("method", sort=False)}
        best = _best_rival(worlds)
        rows += [{"family": family, **_row(name, worlds, best)} for name in worlds]
    frame = pd.DataFrame(rows).set_index(["family", "method"])
    shares = ("error", "cover50", "cover80", "cover95", "bias", "width80", "over_oracle", "difference")
    return told(frame, dict.fromkeys(shares, PERCENT))


def _by_world(cells: pd.DataFrame) -> pd.DataFrame:
    """Sums (shares, for what held) over the periods of each world; NaN where the method failed."""
    parts = pd.DataFrame(
        {
            "world": cells["world"],
            "actual": cells["actual"],
            "missed": (cells["actual"] - cells["median"]).abs(),
            "above": cells["mean"] - cells["actual"],
            **{name: cells[name] for name in ("crps", "width80")},
        }
    )
    sums = parts.groupby("world").sum(min_count=1)
    held = {f"held{level}": cells[f"held{level}"].astype(float) for level in LEVELS}
    means = cells[["world", "seconds"]].assign(**held).groupby("world").mean()
    return sums.join(means)


def _best_rival(worlds: dict[str, pd.DataFrame]) -> str:
    """Method of least error among those that are neither ours nor the oracle; empty if there is none."""
    rivals = {name: some for name, some in worlds.items() if not name.startswith((OURS, ORACLE))}
    errors = {name: _ratio(some.dropna(), "missed") for name, some in rivals.items() if len(some.dropna())}
    complete = {name: error for name, error in errors.items() if not rivals[name]["actual"].isna().any()}
    ranked = complete or errors
    return min(ranked, key=lambda name: ranked[name]) if ranked else ""


def _ratio(worlds: pd.DataFrame, column: str) -> float:
    total = float(worlds["actual"].sum())
    return float(worlds[column].sum()) / total if total > 0 else np.nan


def _row(name: str, worlds: dict[str, pd.DataFrame], best: str) -> dict[str, object]:
    mine = worlds[name]
    answered = mine.dropna()
    row: dict[str, object] = {"method": name, "n_worlds": len(mine), "n_failed": len(mine) - len(answered)}
    row |= {"error": _ratio(answered, "missed"), "ncrps": _ratio(answered, "crps")}
    for level in LEVELS:
        held = answered[f"held{level}"]
        row |= {f"cover{level}": held.mean(), f"cover{level}_se": held.std(ddof=0) / np.sqrt(len(held))}
    row |= {"bias": _ratio(answered, "above"), "bias_se": _ratio_error(answered, "above")}
    row["width80"] = _ratio(answered, "width80")
    row |= _compared("over_oracle", mine, None if name == ORACLE else worlds.get(ORACLE))
    row["best_rival"] = best
    row |= _compared("difference", mine, None if name == best else worlds.get(best))
    return row | {"seconds": answered["seconds"].mean()}


def _ratio_error(worlds: pd.DataFrame, column: str) -> float:
    """Standard error of a ratio of sums over independent worlds, to first order."""
    rest = worlds[column] - _ratio(worlds, column) * worlds["actual"]
    return float(rest.std(ddof=1) * np.sqrt(len(rest)) / worlds["actual"].sum())


def _compared(label: str, mine: pd.DataFrame, other: pd.DataFrame | None) -> dict[str, object]:
    """Error less that of another method in the same worlds, with a 95 % interval."""
    found = BlockInterval(np.nan, np.nan, np.nan, 0.0)
    both = None if other is None else mine.join(other["missed"].rename("theirs")).dropna()
    if both is not None and len(both):
        gap, actual = (both["missed"] - both["theirs"]).to_numpy(), both["actual"].to_numpy()

        def statistic(weights: Floats) -> Floats:
            with np.errstate(invalid="ignore"):
                return np.asarray((weights @ gap) / (weights @ actual))

        rng = np.random.default_rng(_BOOTSTRAP_SEED)
        found = bootstrap_statistic(statistic, len(gap), rng, block_length=1, interval=0.95)
    return {label: found.value, f"{label}_low": found.low, f"{label}_high": found.high}
