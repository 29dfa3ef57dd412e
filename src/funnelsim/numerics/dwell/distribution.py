"""Dwell: the distribution of the time that a stay lasts, and what is asked of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from funnelsim.vocabulary.errors import FunnelsimError

Floats = npt.NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_NODES, _WEIGHTS = (_NODES + 1.0) / 2.0, _WEIGHTS / 2.0
_BREAKS = np.array([1e-8, 1e-4, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99, 1 - 1e-4, 1 - 1e-8])
_LEAST_LOG_AGE = float(np.log(np.finfo(float).tiny))


class DwellError(FunnelsimError):
    """A parameter that no dwell distribution has, or a question that it cannot answer."""


class Terms(NamedTuple):
    """A logarithm at each age, and its gradient by the unconstrained parameters."""

    value: Floats  # shape (n_ages,)
    gradient: Floats  # shape (n_params, n_ages)


class Start(NamedTuple):
    """A rough place and width of the log ages, from which a fit of any family can begin."""

    centre: float
    spread: float


@dataclass(frozen=True)
class Dwell(ABC):
    """Time in a stage, from entry to exit, as a continuous distribution on (0, inf).

    A family gives its formulas on the *unconstrained* scale: the logarithm of every positive parameter, the
    others as they are. That is also the scale of `DwellFit.cov_log_scale`.
    """

    family: ClassVar[str]
    is_positive: ClassVar[tuple[bool, ...]]

    def __post_init__(self) -> None:
        for (name, value), is_positive in zip(self.params.items(), self.is_positive, strict=True):
            if not np.isfinite(value) or (is_positive and value <= 0):
                wanted = "positive and finite" if is_positive else "finite"
                raise DwellError(f"{self.family}: {name} must be {wanted}, not {value!r}")

    @classmethod
    def param_names(cls) -> tuple[str, ...]:
        """Names of the parameters, in the order of every parameter axis."""
        return tuple(field.name for field in fields(cls))

    @property
    def params(self) -> dict[str, float]:
        """Parameters by name."""
        return {name: getattr(self, name) for name in self.param_names()}

    @classmethod
    def from_unconstrained(cls, theta: Floats) -> Self:
        """Distribution with the parameters `theta`, positive ones as logarithms."""
        natural = np.where(cls.is_positive, np.exp(np.where(cls.is_positive, theta, 0.0)), theta)
        return cls(*natural.tolist())

    @property
    def unconstrained(self) -> Floats:
        """Parameters with the positive ones as logarithms."""
        values = np.array(list(self.params.values()))
        return np.where(self.is_positive, np.log(np.where(self.is_positive, values, 1.0)), values)

    @staticmethod
    @abstractmethod
    def log_survival_terms(theta: Floats, log_age: Floats) -> Terms:
        """``log S`` and its gradient at finite `log_age`."""

    @staticmethod
    @abstractmethod
    def log_density_terms(theta: Floats, log_age: Floats) -> Terms:
        """Log density of the age itself (not of its logarithm) and its gradient."""

    @staticmethod
    @abstractmethod
    def units(theta: Floats) -> Floats:
        """How far each unconstrained parameter moves for a change that can be seen in one observation."""

    @staticmethod
    @abstractmethod
    def starts(start: Start) -> list[Floats]:
        """Unconstrained parameters to begin a fit with; several where the likelihood may have many tops."""

    @abstractmethod
    def mean(self) -> float:
        """Mean stay; ``inf`` when infinite. A heavy tail rules it: quote `restricted_mean` instead."""

    @abstractmethod
    def _log_quantile(self, prob: Floats) -> Floats:
        """Logarithm of the age by which a share in (0, 1) has left."""

    def log_survival(self, age: npt.ArrayLike) -> Floats:
        """Log of the chance to stay longer than each age, exact far into the tail."""
        log_age = _log_age(age)
        inside = np.isfinite(log_age)
        result = np.where(log_age > 0, -np.inf, np.zeros_like(log_age))
        result[inside] = self.log_survival_terms(self.unconstrained, log_age[inside]).value
        return result

    def survival(self, age: npt.ArrayLike) -> Floats:
        """Chance to stay longer than each age (age >= 0, in the unit of the fit)."""
        return np.exp(self.log_survival(age))

    def log_density(self, age: npt.ArrayLike) -> Floats:
        """Log density at each finite age; at age 0 its value just after."""
        log_age = np.maximum(_log_age(age, finite=True), _LEAST_LOG_AGE)
        flat = self.log_density_terms(self.unconstrained, log_age.ravel()).value
        return flat.reshape(log_age.shape)

    def hazard(self, age: npt.ArrayLike) -> Floats:
        """Rate of leaving at each finite age among those still there, per unit of age."""
        with np.errstate(over="ignore"):  # a hazard may truly be infinite at age 0
            return np.exp(self.log_density(age) - self.log_survival(age))

    def step_hazard(self, age: npt.ArrayLike) -> Floats:
        """Chance of leaving within ``[age, age + 1)`` among those there at `age`, as a funnel stores it."""
        _log_age(age, finite=True)  # refuses what is no age
        begin = np.asarray(age, dtype=np.float64)
        return -np.expm1(self.log_survival(begin + 1) - self.log_survival(begin))

    def quantile(self, prob: npt.ArrayLike) -> Floats:
        """Age by which each share has left; 0 at 0, and ``inf`` where so many never leave.

        Raises
        ------
        DwellError
            If a probability is outside [0, 1] or NaN.
        """
        asked = np.asarray(prob, dtype=np.float64)
        if not ((asked >= 0) & (asked <= 1)).all():
            raise DwellError(f"a probability lies in [0, 1]; asked for {asked.ravel().tolist()[:5]}")
        inside = (asked > 0) & (asked < 1)
        result = np.where(asked > 0, np.inf, np.zeros_like(asked))
        with np.errstate(over="ignore"):
            result[inside] = np.exp(self._log_quantile(asked[inside]))
        return result

    def median(self) -> float:
        """Age by which half have left; ``inf`` when more than half never do."""
        return float(self.quantile(0.5))

    def restricted_mean(self, until: float) -> float:
        """Mean of the stay or `until`, whichever is shorter: finite for every dwell.

        The integral of the survival over (0, until), by Gauss-Legendre in log age between quantiles.
        """
        if not 0 <= until < np.inf:
            raise DwellError(f"the restricted mean needs a finite age >= 0, not {until}")
        if until == 0:
            return 0.0
        top = float(np.log(until))
        breaks = self._log_quantile(_BREAKS)
        bottom = min(top, float(breaks[len(breaks) // 2])) - 40.0
        edges = np.unique(np.concatenate([np.arange(bottom, top, 2.0), breaks, [top]]))
        edges = edges[(edges >= bottom) & (edges <= top)]
        width = np.diff(edges)[:, None]
        log_age = (edges[:-1, None] + width * _NODES).ravel()
        integrand = np.exp(log_age + self.log_survival(np.exp(log_age))).reshape(len(width), -1)
        return float(np.exp(bottom) + (width * _WEIGHTS * integrand).sum())


def _log_age(age: npt.ArrayLike, *, finite: bool = False) -> Floats:
    asked = np.asarray(age, dtype=np.float64)
    is_sound = (asked >= 0) & ((asked < np.inf) | (not finite))
    if not is_sound.all():
        wanted = "finite and >= 0" if finite else ">= 0"
        raise DwellError(f"ages must be {wanted}; the first that is not: {asked[~is_sound][0]}")
    with np.errstate(divide="ignore"):
        return np.log(asked)
