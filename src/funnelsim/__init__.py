"""funnelsim: honest sales-funnel forecasts.

A tour in ten lines::

    import funnelsim as fs
    history = fs.read_deals("deals.csv", "stage_history.csv", stages="stages.toml", as_of="2026-09-30")
    history.issues                                    # what was repaired, left out, suspicious
    funnel = fs.fit(history)                          # frozen; no deal is kept inside
    outlook = fs.forecast(funnel, history.pipeline(), periods="4Q", target=5_000_000)
    outlook.table()                                   # ranges beside the classical weighted pipeline
    outlook.chance()                                  # chance of the target
    fs.compare_levers(funnel, history.pipeline(), periods="4Q", target=5_000_000).table()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from funnelsim.engines.events.engine import Events as Events
    from funnelsim.engines.exact import Exact as Exact
    from funnelsim.engines.montecarlo import MonteCarlo as MonteCarlo
    from funnelsim.engines.run import forecast as forecast
    from funnelsim.faces.plots.amounts import plot_amounts as plot_amounts
    from funnelsim.faces.plots.backtest import plot_backtest as plot_backtest
    from funnelsim.faces.plots.backtest import plot_pit as plot_pit
    from funnelsim.faces.plots.capacity import plot_capacity as plot_capacity
    from funnelsim.faces.plots.chance import plot_chance as plot_chance
    from funnelsim.faces.plots.coverage import plot_coverage as plot_coverage
    from funnelsim.faces.plots.drift import plot_drift as plot_drift
    from funnelsim.faces.plots.dwell import plot_dwell as plot_dwell
    from funnelsim.faces.plots.effects import plot_effects as plot_effects
    from funnelsim.faces.plots.fan import plot_fan as plot_fan
    from funnelsim.faces.plots.funnel import plot_funnel as plot_funnel
    from funnelsim.faces.plots.incidence import plot_incidence as plot_incidence
    from funnelsim.faces.plots.joint import plot_frontier as plot_frontier
    from funnelsim.faces.plots.joint import plot_lever_grid as plot_lever_grid
    from funnelsim.faces.plots.joint import plot_shares as plot_shares
    from funnelsim.faces.plots.levers import plot_levers as plot_levers
    from funnelsim.faces.plots.open_deals import plot_open_deals as plot_open_deals
    from funnelsim.faces.plots.quotas import plot_quotas as plot_quotas
    from funnelsim.faces.plots.receivables import plot_receivables as plot_receivables
    from funnelsim.faces.plots.revision import plot_revision as plot_revision
    from funnelsim.faces.plots.saving import save_picture as save_picture
    from funnelsim.faces.plots.segments import plot_segments as plot_segments
    from funnelsim.faces.plots.sheet import alt_text as alt_text
    from funnelsim.faces.report import write_report as write_report
    from funnelsim.fitting.collections import fit_collections as fit_collections
    from funnelsim.fitting.fit import fit as fit
    from funnelsim.fitting.large import fit_log as fit_log
    from funnelsim.intake.deals import read_deals as read_deals
    from funnelsim.intake.invoices import read_invoices as read_invoices
    from funnelsim.intake.scenarios import read_scenario as read_scenario
    from funnelsim.intake.scenarios import shipped_scenarios as shipped_scenarios
    from funnelsim.intake.stages_file import read_stages as read_stages
    from funnelsim.nouns.capacity import CapacityUse as CapacityUse
    from funnelsim.nouns.collections import Collections as Collections
    from funnelsim.nouns.collections import Recognition as Recognition
    from funnelsim.nouns.forecast import Forecast as Forecast
    from funnelsim.nouns.funnel import Funnel as Funnel
    from funnelsim.nouns.history import DealHistory as DealHistory
    from funnelsim.nouns.invoices import Invoices as Invoices
    from funnelsim.nouns.levers.cash import Collection as Collection
    from funnelsim.nouns.levers.classes import (
        OutsideTop as OutsideTop,
    )
    from funnelsim.nouns.levers.classes import (
        Standardise as Standardise,
    )
    from funnelsim.nouns.levers.classes import (
        Subset as Subset,
    )
    from funnelsim.nouns.levers.file import lever_from_dict as lever_from_dict
    from funnelsim.nouns.levers.file import lever_to_dict as lever_to_dict
    from funnelsim.nouns.levers.people import (
        Hire as Hire,
    )
    from funnelsim.nouns.levers.people import (
        MoreReferrals as MoreReferrals,
    )
    from funnelsim.nouns.levers.people import (
        Qualify as Qualify,
    )
    from funnelsim.nouns.levers.people import (
        Ramp as Ramp,
    )
    from funnelsim.nouns.levers.people import (
        SellingTime as SellingTime,
    )
    from funnelsim.nouns.levers.protocol import (
        Custom as Custom,
    )
    from funnelsim.nouns.levers.protocol import (
        Lever as Lever,
    )
    from funnelsim.nouns.levers.protocol import (
        Together as Together,
    )
    from funnelsim.nouns.levers.rates import (
        Conversion as Conversion,
    )
    from funnelsim.nouns.levers.rates import (
        Speed as Speed,
    )
    from funnelsim.nouns.levers.rates import (
        Volume as Volume,
    )
    from funnelsim.nouns.levers.rates import (
        WinRate as WinRate,
    )
    from funnelsim.nouns.levers.rates import (
        Yield as Yield,
    )
    from funnelsim.nouns.levers.rates import (
        three_levers as three_levers,
    )
    from funnelsim.nouns.scenario import (
        Scenario as Scenario,
    )
    from funnelsim.nouns.shock import (
        Shock as Shock,
    )
    from funnelsim.nouns.table import Table as Table
    from funnelsim.nouns.table import show as show
    from funnelsim.nouns.team import (
        LeadsFromWins as LeadsFromWins,
    )
    from funnelsim.nouns.team import (
        Parking as Parking,
    )
    from funnelsim.nouns.team import (
        Qualification as Qualification,
    )
    from funnelsim.nouns.team import (
        Rep as Rep,
    )
    from funnelsim.nouns.team import (
        Team as Team,
    )
    from funnelsim.nouns.team import (
        Work as Work,
    )
    from funnelsim.numerics.aalen_johansen import aalen_johansen as aalen_johansen
    from funnelsim.questions import baselines as baselines
    from funnelsim.questions import worlds as worlds
    from funnelsim.questions.amounts import (
        AmountsReport as AmountsReport,
    )
    from funnelsim.questions.amounts import (
        amounts as amounts,
    )
    from funnelsim.questions.backtest.result import (
        Backtest as Backtest,
    )
    from funnelsim.questions.backtest.run import (
        backtest as backtest,
    )
    from funnelsim.questions.backtest.run import (
        calibrate as calibrate,
    )
    from funnelsim.questions.compare import (
        LeverComparison as LeverComparison,
    )
    from funnelsim.questions.compare import (
        compare_levers as compare_levers,
    )
    from funnelsim.questions.coverage import (
        coverage as coverage,
    )
    from funnelsim.questions.deal_outlook import (
        DealOutlook as DealOutlook,
    )
    from funnelsim.questions.deal_outlook import (
        deal_outlook as deal_outlook,
    )
    from funnelsim.questions.drift import (
        Drift as Drift,
    )
    from funnelsim.questions.drift import (
        drift as drift,
    )
    from funnelsim.questions.dwell import (
        Dwell as Dwell,
    )
    from funnelsim.questions.dwell import (
        dwell as dwell,
    )
    from funnelsim.questions.effects import (
        Effects as Effects,
    )
    from funnelsim.questions.effects import (
        effects as effects,
    )
    from funnelsim.questions.future_paths import (
        FuturePaths as FuturePaths,
    )
    from funnelsim.questions.future_paths import (
        future_paths as future_paths,
    )
    from funnelsim.questions.others_improve import (
        others_improve as others_improve,
    )
    from funnelsim.questions.referrals import (
        Referrals as Referrals,
    )
    from funnelsim.questions.referrals import (
        referrals as referrals,
    )
    from funnelsim.questions.revision import (
        Revision as Revision,
    )
    from funnelsim.questions.revision import (
        revision as revision,
    )
    from funnelsim.questions.segments import (
        Segments as Segments,
    )
    from funnelsim.questions.segments import (
        segments as segments,
    )
    from funnelsim.questions.solve import LeverGrid as LeverGrid
    from funnelsim.questions.solve import elasticities as elasticities
    from funnelsim.questions.solve import lever_grid as lever_grid
    from funnelsim.questions.solve import solve_for as solve_for
    from funnelsim.questions.spend import Option as Option
    from funnelsim.questions.spend import SpendingPlan as SpendingPlan
    from funnelsim.questions.spend import spend as spend
    from funnelsim.questions.targets.activity import activity_plan as activity_plan
    from funnelsim.questions.targets.activity import planned_against_done as planned_against_done
    from funnelsim.questions.targets.attainable import attainable as attainable
    from funnelsim.questions.targets.commission import commission as commission
    from funnelsim.questions.targets.course import course_deviation as course_deviation
    from funnelsim.questions.targets.course import course_formula as course_formula
    from funnelsim.questions.targets.indicators import indicators as indicators
    from funnelsim.questions.targets.split import TargetSplit as TargetSplit
    from funnelsim.questions.targets.split import split_target as split_target
    from funnelsim.questions.targets.track import Track as Track
    from funnelsim.questions.targets.track import track as track
    from funnelsim.questions.width_split import (
        width_split as width_split,
    )
    from funnelsim.questions.worlds import (
        sample_funnel as sample_funnel,
    )
    from funnelsim.questions.worlds import (
        simulate_history as simulate_history,
    )
    from funnelsim.vocabulary.clock import Clock as Clock
    from funnelsim.vocabulary.errors import FunnelsimError as FunnelsimError
    from funnelsim.vocabulary.language import use_language as use_language
    from funnelsim.vocabulary.periods import Periods as Periods
    from funnelsim.vocabulary.pipeline import Pipeline as Pipeline
    from funnelsim.vocabulary.stages import Outcome as Outcome
    from funnelsim.vocabulary.stages import Stage as Stage
    from funnelsim.vocabulary.stages import Stages as Stages

__version__ = "0.1.0"

# Names are loaded on first use: the command line's --help must not wait for pandas.
_HOME = {
    "use_language": "vocabulary.language",
    "write_report": "faces.report",
    "read_deals": "intake.deals",
    "read_stages": "intake.stages_file",
    "read_scenario": "intake.scenarios",
    "shipped_scenarios": "intake.scenarios",
    "Scenario": "nouns.scenario",
    "Stages": "vocabulary.stages",
    "Stage": "vocabulary.stages",
    "Outcome": "vocabulary.stages",
    "DealHistory": "nouns.history",
    "Pipeline": "vocabulary.pipeline",
    "fit": "fitting.fit",
    "fit_log": "fitting.large",
    "read_invoices": "intake.invoices",
    "Invoices": "nouns.invoices",
    "fit_collections": "fitting.collections",
    "Funnel": "nouns.funnel",
    "forecast": "engines.run",
    "Exact": "engines.exact",
    "MonteCarlo": "engines.montecarlo",
    "Events": "engines.events.engine",
    "CapacityUse": "nouns.capacity",
    "Shock": "nouns.shock",
    "Collections": "nouns.collections",
    "Recognition": "nouns.collections",
    "Table": "nouns.table",
    "show": "nouns.table",
    "Team": "nouns.team",
    "Rep": "nouns.team",
    "Work": "nouns.team",
    "Parking": "nouns.team",
    "Qualification": "nouns.team",
    "LeadsFromWins": "nouns.team",
    "Forecast": "nouns.forecast",
    "Collection": "nouns.levers.cash",
    "OutsideTop": "nouns.levers.classes",
    "Standardise": "nouns.levers.classes",
    "Subset": "nouns.levers.classes",
    "Hire": "nouns.levers.people",
    "Qualify": "nouns.levers.people",
    "Ramp": "nouns.levers.people",
    "SellingTime": "nouns.levers.people",
    "MoreReferrals": "nouns.levers.people",
    "Custom": "nouns.levers.protocol",
    "Lever": "nouns.levers.protocol",
    "Together": "nouns.levers.protocol",
    "Conversion": "nouns.levers.rates",
    "Speed": "nouns.levers.rates",
    "Volume": "nouns.levers.rates",
    "WinRate": "nouns.levers.rates",
    "Yield": "nouns.levers.rates",
    "three_levers": "nouns.levers.rates",
    "lever_to_dict": "nouns.levers.file",
    "lever_from_dict": "nouns.levers.file",
    "compare_levers": "questions.compare",
    "LeverComparison": "questions.compare",
    "LeverGrid": "questions.solve",
    "elasticities": "questions.solve",
    "lever_grid": "questions.solve",
    "solve_for": "questions.solve",
    "coverage": "questions.coverage",
    "Option": "questions.spend",
    "SpendingPlan": "questions.spend",
    "others_improve": "questions.others_improve",
    "spend": "questions.spend",
    "width_split": "questions.width_split",
    "Revision": "questions.revision",
    "revision": "questions.revision",
    "Backtest": "questions.backtest.result",
    "backtest": "questions.backtest.run",
    "calibrate": "questions.backtest.run",
    "DealOutlook": "questions.deal_outlook",
    "deal_outlook": "questions.deal_outlook",
    "future_paths": "questions.future_paths",
    "FuturePaths": "questions.future_paths",
    "drift": "questions.drift",
    "Drift": "questions.drift",
    "dwell": "questions.dwell",
    "Dwell": "questions.dwell",
    "amounts": "questions.amounts",
    "AmountsReport": "questions.amounts",
    "referrals": "questions.referrals",
    "Referrals": "questions.referrals",
    "segments": "questions.segments",
    "Segments": "questions.segments",
    "effects": "questions.effects",
    "Effects": "questions.effects",
    "attainable": "questions.targets.attainable",
    "TargetSplit": "questions.targets.split",
    "split_target": "questions.targets.split",
    "Track": "questions.targets.track",
    "track": "questions.targets.track",
    "commission": "questions.targets.commission",
    "activity_plan": "questions.targets.activity",
    "planned_against_done": "questions.targets.activity",
    "course_deviation": "questions.targets.course",
    "course_formula": "questions.targets.course",
    "indicators": "questions.targets.indicators",
    "simulate_history": "questions.worlds",
    "sample_funnel": "questions.worlds",
    "plot_fan": "faces.plots.fan",
    "plot_chance": "faces.plots.chance",
    "plot_incidence": "faces.plots.incidence",
    "plot_levers": "faces.plots.levers",
    "plot_amounts": "faces.plots.amounts",
    "plot_segments": "faces.plots.segments",
    "plot_backtest": "faces.plots.backtest",
    "plot_pit": "faces.plots.backtest",
    "plot_shares": "faces.plots.joint",
    "plot_lever_grid": "faces.plots.joint",
    "plot_frontier": "faces.plots.joint",
    "plot_quotas": "faces.plots.quotas",
    "plot_receivables": "faces.plots.receivables",
    "plot_revision": "faces.plots.revision",
    "plot_drift": "faces.plots.drift",
    "plot_dwell": "faces.plots.dwell",
    "plot_effects": "faces.plots.effects",
    "plot_funnel": "faces.plots.funnel",
    "plot_coverage": "faces.plots.coverage",
    "plot_open_deals": "faces.plots.open_deals",
    "plot_capacity": "faces.plots.capacity",
    "save_picture": "faces.plots.saving",
    "alt_text": "faces.plots.sheet",
    "aalen_johansen": "numerics.aalen_johansen",
    "Clock": "vocabulary.clock",
    "Periods": "vocabulary.periods",
    "FunnelsimError": "vocabulary.errors",
}
_MODULES = {"baselines": "questions.baselines", "worlds": "questions.worlds"}
__all__ = [*_HOME, *_MODULES]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"funnelsim.{_MODULES[name]}")
    if name not in _HOME:
        from funnelsim.vocabulary.words import did_you_mean

        near = "" if name.startswith("_") else did_you_mean(name, __all__)
        raise AttributeError(f"module 'funnelsim' has no attribute {name!r}{near}")
    return getattr(import_module(f"funnelsim.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
