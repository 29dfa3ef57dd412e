"""Splitting a target: quotas that add up to it exactly, and what chance each and all of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.engines.exact import Exact
from funnelsim.engines.montecarlo import MonteCarlo
from funnelsim.engines.protocol import Engine
from funnelsim.engines.run import forecast
from funnelsim.nouns.forecast import Forecast, target_amount
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure
from funnelsim.nouns.table import told
from funnelsim.questions.targets.by_attribute import parts_by_attribute
from funnelsim.questions.targets.by_time import DAYS, calendar_parts, parts_by_time
from funnelsim.questions.targets.fairest import equal_chances
from funnelsim.questions.targets.parts import Parts, chance_of
from funnelsim.questions.targets.quotas import TargetError, amount_of, is_paid_later, share_out, whole_units
from funnelsim.vocabulary.display import PERCENT, Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.words import did_you_mean

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TargetSplit(Shown):
    """A target shared out among months, regions or reps. Made by :func:`split_target`.

    Parameters
    ----------
    parts : Parts
        The joint law of what they bring.
    units : tuple of int
        Quota of each part in whole cents, or wins.
    target : float
        Of all parts together.
    by : str
        What tells the parts apart.
    feasible : float
        Chance below which a quota is called infeasible.
    """

    parts: Parts
    units: tuple[int, ...]
    target: float
    by: str
    feasible: float = 0.2

    @property
    def quotas(self) -> dict[str, float]:
        """Quota of each part."""
        amounts = (amount_of(units, self.parts.measure) for units in self.units)
        return dict(zip(self.parts.labels, amounts, strict=True))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        return self.parts.notes

    def _column_units(self) -> Mapping[str, str]:
        unit = "wins" if self.parts.measure == "wins" else self.parts.unit
        chances = dict.fromkeys(("chance_assigned", "chance_of_target_if_met"), PERCENT)
        return dict.fromkeys(("quota", "assigned", "expected", "p10", "p50", "p90"), unit) | chances

    def table(self) -> pd.DataFrame:
        """Quota of each part beside what is expected of it, and its chance.

        Returns
        -------
        DataFrame
            Index: part, then ``total``. ``quota``, ``expected`` total, its ``p10``, ``p50``, ``p90``, all in
            the unit of the target, or wins; ``share`` of all quotas, ``chance`` to reach the quota (both
            0..1) with ``chance_se``, and ``verdict``:
            infeasible below the stated chance, a stretch below one half, else attainable. The row ``total``
            is about the target.
        """
        laws, quotas = [*self.parts.laws, self.parts.whole], [*self.quotas.values(), self.target]
        all_units = sum(self.units)
        shares = [units / all_units if all_units else np.nan for units in (*self.units, all_units)]
        rows = []
        for law, quota, share in zip(laws, quotas, shares, strict=True):
            chance = chance_of(law, quota)
            p10, p50, p90 = law.quantile(np.array([0.1, 0.5, 0.9])).tolist()
            expected = float(law.mean_by_draw().mean())
            row: dict[str, object] = {"quota": quota, "share": share, "expected": expected}
            row |= {"p10": p10, "p50": p50, "p90": p90}
            row |= {"chance": chance.value, "chance_se": chance.standard_error}
            rows.append(row | {"verdict": self._verdict(chance.value)})
        frame = pd.DataFrame(rows, index=pd.Index([*self.parts.labels, "total"], name=self.by))
        return told(frame, self._column_units())

    def _verdict(self, chance: float) -> str:
        if chance < self.feasible:
            return "infeasible"
        return "attainable" if chance >= 0.5 else "a stretch"

    def infeasible(self) -> tuple[str, ...]:
        """Parts whose quota has a smaller chance than the stated one."""
        verdicts = self.table()["verdict"].iloc[:-1]
        return tuple(verdicts.index[verdicts == "infeasible"])

    def chance_of_all(self) -> Estimate:
        """Chance that every part reaches its quota, from joint futures: parts depend on one another."""
        return self.parts.share_of_futures(_every(self._reached))

    def chance_of_any(self) -> Estimate:
        """Chance that at least one part reaches its quota."""
        return self.parts.share_of_futures(_some(self._reached))

    @property
    def _reached(self) -> npt.NDArray[np.bool_]:
        return self.parts.reached(list(self.quotas.values()))

    def fairest(self) -> TargetSplit:
        """The same target with quotas that all have the same chance: the fairest split.

        Where amounts come in lumps, and for numbers of wins, chances are as equal as lumps allow.
        """
        units = equal_chances(
            self.parts.laws, whole_units(self.target, self.parts.measure), self.parts.measure
        )
        return replace(self, units=units)

    def over_assign(self, factor: float = 1.1) -> pd.DataFrame:
        """What it does to hand out more than the target, so that some parts may fall short.

        Parameters
        ----------
        factor : float
            On every quota; 1.1 hands out a tenth more.

        Returns
        -------
        DataFrame
            Index: part, then ``all parts``, ``any part``, ``target``. ``quota`` and ``chance``;
            ``assigned``, the quota times the factor in whole cents, and ``chance_assigned``. The target
            stays as it is. ``chance_of_target_if_met`` is the chance of the company's target in the futures
            in which the part reaches what it was assigned; NaN where it does so in none of them, for then
            there is nothing to take a share of, and ``note`` says so (empty elsewhere). More futures
            (``split_target(n_futures=)``) may hold some.

        Raises
        ------
        TargetError
            If the factor is not positive.
        """
        is_number = isinstance(factor, Real) and not isinstance(factor, bool)
        if not is_number or not 0.0 < factor < float("inf"):
            raise TargetError(f"factor={factor!r} must be positive; 1.1 hands out a tenth more")
        measure, quotas = self.parts.measure, list(self.quotas.values())
        units = share_out(whole_units(sum(self.units) * factor, "wins"), [float(u) for u in self.units])
        assigned = [amount_of(u, measure) for u in units]
        company = self.parts.futures.sum(axis=2) >= self.target - 1e-6
        before, after = self.parts.reached(quotas), self.parts.reached(assigned)
        rows = {
            label: (
                quotas[k],
                chance_of(law, quotas[k]).value,
                assigned[k],
                chance_of(law, assigned[k]).value,
                _given(company, after[:, :, k]),
            )
            for k, (label, law) in enumerate(zip(self.parts.labels, self.parts.laws, strict=True))
        }
        sums = (sum(quotas), sum(assigned))
        for label, meets in (("all parts", _every), ("any part", _some)):
            held, holds = meets(before), meets(after)
            rows[label] = (sums[0], held.mean(), sums[1], holds.mean(), _given(company, holds))
        chance = chance_of(self.parts.whole, self.target).value
        rows["target"] = (self.target, chance, self.target, chance, 1.0)
        columns = ["quota", "chance", "assigned", "chance_assigned", "chance_of_target_if_met"]
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis(self.by)
        never = f"met in none of {company.size:,} futures: they cannot say what the target does then"
        frame["note"] = np.where(frame[columns[-1]].isna(), never, "")
        return told(frame, self._column_units())

    def __repr__(self) -> str:
        whole, every = chance_of(self.parts.whole, self.target).value, self.chance_of_all().value
        return (
            f"TargetSplit({self.target:,.10g} {self.parts.unit} by {self.by} in {len(self.units)} parts: "
            f"chance {100 * whole:.1f} %, of all parts {100 * every:.1f} %, infeasible "
            f"{len(self.infeasible())})"
        )


def _every(reached: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return np.asarray(reached.all(axis=2))


def _some(reached: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return np.asarray(reached.any(axis=2))


def _given(holds: npt.NDArray[np.bool_], when: npt.NDArray[np.bool_]) -> float:
    return float(holds[when].mean()) if when.any() else np.nan


@checked
def split_target(
    funnel: Funnel,
    pipeline: Pipeline,
    target: float | None = None,
    *,
    by: str = "month",
    quotas: Mapping[str, float] | None = None,
    new_deals: Mapping[str, float] | None = None,
    feasible: float = 0.2,
    measure: Measure | None = None,
    periods: str | Sequence[object] = "4Q",
    fiscal_start_month: int = 1,
    n_draws: int = 100,
    n_futures: int = 20_000,
    seed: int | np.random.Generator | None = 0,
) -> TargetSplit:
    """Share a target out among months, regions or reps, as what is expected of each; it adds up exactly.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    target : float, optional
        Wanted in all periods together; the sum of `quotas` where these are given.
    by : str
        ``"week"``, ``"month"``, ``"quarter"``, or an attribute of deals such as ``"region"``. The running
        month holds what the window has brought so far. A funnel fitted with ``classes=by`` knows the rates
        and arrivals of each part; of another one, new deals are shared out as the latest wins were.
    quotas : mapping of str to float, optional
        Quotas to judge, one for each part; they need not add up to the target (over-assignment).
    new_deals : mapping of str to float, optional
        Factor on the new deals of some parts, where `by` is an attribute: 0.5 for a rep who ramps up through
        half of the time, 0 for one who leaves, 1.5 for a territory that grows. The company's law moves with
        it.
    feasible : float
        Chance below which a quota is called infeasible.
    measure, periods, fiscal_start_month, seed
        As in :func:`funnelsim.forecast`.
    n_draws : int
        Draws of the parameters.
    n_futures : int
        Joint futures for what parts do together; chances of single parts need none.

    Returns
    -------
    TargetSplit

    Raises
    ------
    TargetError
        If there is neither target nor quotas, quotas are not those of the parts, or deals lack the attribute.
    ForecastError, PeriodsError, EngineError
        As :func:`funnelsim.forecast`.

    Examples
    --------
    >>> import funnelsim as fs
    >>> history = fs.simulate_history(seed=1)
    >>> funnel = fs.fit(history, classes="region")
    >>> split = fs.split_target(funnel, history.pipeline(), 5_500_000, by="region", n_draws=20)
    >>> sum(split.units) == 5_500_000_00
    True
    """
    if target is None and not quotas:
        raise TargetError("there is nothing to share out: give a target, such as 5_000_000, or quotas")
    if not 0.0 <= feasible < 1.0:
        raise TargetError(f"feasible={feasible!r} must be a chance; write 20 % as 0.2")
    wanted = None if target is None else target_amount(target)
    streams = Streams.of(seed)
    outlook = forecast(
        funnel,
        pipeline,
        periods=periods,
        target=wanted,
        measure=measure,
        fiscal_start_month=fiscal_start_month,
        engine=_engine(measure, n_draws, n_futures),
        seed=streams.seed,
    )
    parts = _parts(funnel, pipeline, outlook, by, new_deals or {}, fiscal_start_month, n_futures, streams)
    units = _units(parts, wanted, quotas)
    total = amount_of(sum(units), parts.measure)
    if wanted is not None and quotas is None and abs(total - wanted) > 1e-6:
        finest = "a whole number of wins" if parts.measure == "wins" else "an amount in whole cents"
        raise TargetError(f"target {wanted!r} cannot be shared out: give {finest}, such as {total:,.10g}")
    return TargetSplit(parts, units, total if wanted is None else wanted, by, feasible)


def _engine(measure: Measure | None, n_draws: int, n_futures: int) -> Engine:
    """The exact engine, where it knows the measure."""
    return MonteCarlo(n_futures, n_draws) if is_paid_later(measure) else Exact(n_draws=n_draws)


def _parts(
    funnel: Funnel,
    pipeline: Pipeline,
    outlook: Forecast,
    by: str,
    new_deals: Mapping[str, float],
    fiscal_start_month: int,
    n_futures: int,
    streams: Streams,
) -> Parts:
    if by in DAYS and new_deals:
        raise TargetError(f"new_deals= are factors on parts of the business, and by={by!r} is time")
    if not outlook.outcome.has_amounts:
        funnel = replace(funnel, amounts=None)
    n_draws = outlook.n_draws
    if by not in DAYS and is_paid_later(outlook.measure):
        raise TargetError(
            f"{outlook.measure} is not known by {by}: invoices are those of the company; split bookings, or "
            "split by 'week', 'month' or 'quarter'"
        )
    if by not in DAYS:
        return parts_by_attribute(
            funnel,
            pipeline,
            outlook,
            by,
            new_deals=new_deals,
            n_draws=n_draws,
            n_futures=n_futures,
            streams=streams,
        )
    periods = calendar_parts(outlook.periods, pipeline.clock, by, fiscal_start_month)
    return parts_by_time(
        funnel,
        pipeline,
        periods,
        measure=outlook.measure,
        n_draws=n_draws,
        n_futures=n_futures,
        streams=streams,
    )


def _units(parts: Parts, target: float | None, quotas: Mapping[str, float] | None) -> tuple[int, ...]:
    """Quotas in whole cents: those given, or the target as what is expected of each part."""
    if quotas is None:
        assert target is not None
        return share_out(whole_units(target, parts.measure), np.maximum(parts.expected, 0.0).tolist())
    unknown = [label for label in quotas if label not in parts.labels]
    absent = [label for label in parts.labels if label not in quotas]
    if unknown or absent:
        wrong = f"no part is called {unknown[0]!r}" if unknown else f"the part {absent[0]!r} has no quota"
        hint = did_you_mean(unknown[0], parts.labels) if unknown else ""
        raise TargetError(f"quotas: {wrong}; the parts are {', '.join(parts.labels)}{hint}")
    return tuple(whole_units(target_amount(quotas[label]), parts.measure) for label in parts.labels)
