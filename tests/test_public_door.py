"""The door of the package: every public function refuses what is no noun of the kind its signature names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

import funnelsim as fs
from funnelsim.vocabulary.door import MAKERS, WrongKindError

FUNCTIONS = {name: getattr(fs, name) for name in fs.__all__ if inspect.isfunction(getattr(fs, name))}
# What users hold and hand on: public classes that a public function or method gives.
NOUNS = {
    "DealHistory", "Funnel", "Pipeline", "Forecast", "LeverComparison", "LeverGrid", "SpendingPlan",
    "TargetSplit", "Backtest", "Revision", "AmountsReport", "Segments", "Drift", "Dwell", "Effects",
    "Invoices", "Axes",
}  # fmt: skip


def nouns_of(annotation: str) -> set[str]:
    return NOUNS & set(re.findall(r"\w+", annotation)) if "[" not in annotation else set()


DOORS = [
    pytest.param(function, name, nouns_of(str(parameter.annotation)), id=f"{public}({name})")
    for public, function in FUNCTIONS.items()
    for name, parameter in inspect.signature(function).parameters.items()
    if nouns_of(str(parameter.annotation))
]


def test_there_are_doors_to_try() -> None:
    assert len(DOORS) > 80


@pytest.mark.parametrize(
    "wrong", [3, [1, 2], fs.Volume(1.1), fs.Forecast, 10**5000], ids=lambda w: str(type(w))
)
@pytest.mark.parametrize(("function", "name", "nouns"), DOORS)
def test_what_is_no_noun_of_the_kind_is_refused(
    function: Callable[..., Any], name: str, nouns: set[str], wrong: object
) -> None:
    with pytest.raises(WrongKindError) as refused:
        function(**{name: wrong})
    message = str(refused.value)
    assert message.startswith(f"{function.__name__}(): {name!r} must be of kind ")
    assert all(noun in message for noun in nouns)
    assert "make one with" in message
    assert len(message) < 400


def test_the_refusal_tells_what_was_given_and_the_way_out() -> None:
    with pytest.raises(fs.FunnelsimError, match=r"not 3; make one with fs\.forecast\(funnel, pipeline\)"):
        fs.plot_fan(3)  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match=r"'pipeline' must be of kind Pipeline, not None; .*history\.pipeline\(\)"
    ):
        fs.forecast(fs.sample_funnel(), None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'history' must be of kind DealHistory, not Funnel"):
        fs.fit(fs.sample_funnel())  # type: ignore[arg-type]


@pytest.mark.parametrize(("noun", "way"), MAKERS.items(), ids=list(MAKERS))
def test_the_way_out_makes_the_noun(noun: str, way: str) -> None:
    found = re.match(r"fs\.([\w.]+)\(", way)
    if found is None:
        assert way in ("history.pipeline()", "plt.figure().add_subplot()")
        return
    made = fs
    for part in found[1].split("."):
        made = getattr(made, part)
    gives = noun if inspect.isclass(made) else str(inspect.signature(made).return_annotation)
    assert gives == noun


def test_a_name_that_is_none_of_the_package_is_told_a_near_one() -> None:
    with pytest.raises(AttributeError, match="did you mean 'compare_levers'"):
        fs.compare_lever  # noqa: B018
