"""Dwell times by family: six distributions, each with or without a share that never leaves, and their fits.

>>> fit = fit_dwell([3, 5, 8, 13, 21, 30], [1, 1, 1, 1, 1, 0], family="weibull", whole_steps=True)
>>> print(fit.dwell.survival(30.0).round(2), round(fit.dwell.median(), 1))
0.13 12.7
"""

from funnelsim.numerics.dwell.climb import DwellFitError
from funnelsim.numerics.dwell.distribution import Dwell, DwellError
from funnelsim.numerics.dwell.exponential import Exponential
from funnelsim.numerics.dwell.fit import FAMILIES, BestDwell, DwellFit, best_dwell, fit_dwell
from funnelsim.numerics.dwell.gamma import Gamma
from funnelsim.numerics.dwell.generalised_gamma import GeneralisedGamma
from funnelsim.numerics.dwell.likelihood import DwellDataError, ExactTimes, WholeSteps
from funnelsim.numerics.dwell.loglogistic import Loglogistic
from funnelsim.numerics.dwell.lognormal import Lognormal
from funnelsim.numerics.dwell.never_leaves import NeverLeaves
from funnelsim.numerics.dwell.weibull import Weibull

__all__ = [
    "fit_dwell",
    "best_dwell",
    "DwellFit",
    "BestDwell",
    "FAMILIES",
    "Dwell",
    "Exponential",
    "Weibull",
    "Gamma",
    "Lognormal",
    "Loglogistic",
    "GeneralisedGamma",
    "NeverLeaves",
    "ExactTimes",
    "WholeSteps",
    "DwellError",
    "DwellDataError",
    "DwellFitError",
]
