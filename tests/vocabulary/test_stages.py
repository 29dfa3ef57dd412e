"""Stages: codes, kinds, what lies ahead, and definitions that contradict themselves."""

from __future__ import annotations

import numpy as np
import pytest

from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.stages import Outcome, Stage, Stages, StagesError

AB = (Stage("lead", ("new", "open")), Stage("offer", ("proposal",)))
MIXED = (  # losses before wins, so that no rule can lean on the usual order
    Outcome("expired", "lost"),
    Outcome("won", "won", ("closed won",)),
    Outcome("lost", "lost"),
    Outcome("won by partner", "won"),
)


def test_codes_number_open_stages_then_outcomes_and_serve_aliases() -> None:
    stages = Stages(AB, MIXED)
    assert stages.names == ("lead", "offer", "expired", "won", "lost", "won by partner")
    assert stages.codes == {
        "lead": 0,
        "new": 0,
        "open": 0,
        "offer": 1,
        "proposal": 1,
        "expired": 2,
        "won": 3,
        "closed won": 3,
        "lost": 4,
        "won by partner": 5,
    }
    assert stages.n_open == 2
    assert [place.name for place in stages.places] == list(stages.names)


def test_kinds_by_code() -> None:
    stages = Stages(AB, MIXED)
    assert stages.is_won.tolist() == [False, False, False, True, False, True]
    assert stages.is_lost.tolist() == [False, False, True, False, True, False]


@pytest.mark.parametrize(
    ("code", "ahead"),
    [
        (0, ["b", "c", "won", "won by partner"]),
        (1, ["c", "won", "won by partner"]),
        (2, ["won", "won by partner"]),
    ],
)
def test_forward_is_a_later_open_stage_or_a_win(code: int, ahead: list[str]) -> None:
    stages = Stages((Stage("a"), Stage("b"), Stage("c")), MIXED)
    assert np.array(stages.names)[stages.is_forward(code)].tolist() == ahead


def test_named_gives_plain_stages_with_won_and_lost() -> None:
    stages = Stages.named(["lead", "offer"])
    assert stages.names == ("lead", "offer", "won", "lost")
    assert stages.is_won.tolist() == [False, False, True, False]
    assert stages.is_lost.tolist() == [False, False, False, True]
    assert (stages.skipped, stages.backward, stages.reopened) == ("allow", "allow", "merge")


def test_flags_are_boolean_arrays() -> None:
    stages = Stages.named(["lead"])
    for flags in (stages.is_won, stages.is_lost, stages.is_forward(0)):
        assert flags.dtype == np.bool_
        assert flags.shape == (3,)


@pytest.mark.parametrize(
    ("open_stages", "outcomes"),
    [
        ((Stage("a"), Stage("a")), MIXED),
        ((Stage("a", ("b",)), Stage("b")), MIXED),
        ((Stage("a", ("x",)), Stage("b", ("x",))), MIXED),
        ((Stage("won"),), MIXED),
        ((Stage("a", ("closed won",)),), MIXED),
        ((Stage("a"),), (*MIXED, Outcome("lost", "lost"))),
    ],
)
def test_names_and_aliases_must_be_unique(
    open_stages: tuple[Stage, ...], outcomes: tuple[Outcome, ...]
) -> None:
    with pytest.raises(StagesError, match="unique; repeated: "):
        Stages(open_stages, outcomes)


@pytest.mark.parametrize("other", ["Lead", " lead", "le ad", "ｌｅａｄ", "LEAD\u00a0"])
def test_names_that_look_the_same_are_refused(other: str) -> None:
    for places in ((Stage("lead"), Stage(other)), (Stage("lead"), Stage("x", (other,)))):
        with pytest.raises(StagesError, match=r"'lead' and .* differ only by case, blanks or width; make"):
            Stages(places)
    with pytest.raises(StagesError, match="differ only by case"):
        Stages((Stage("lead"),), (Outcome("won", "won"), Outcome(other, "lost")))


def test_aliases_of_one_stage_may_look_the_same() -> None:
    assert Stages((Stage("lead", ("Lead", "LEAD")),)).codes["LEAD"] == 0


def test_every_repeated_name_is_told() -> None:
    with pytest.raises(StagesError, match=r"repeated: a, b$"):
        Stages((Stage("a"), Stage("b"), Stage("a"), Stage("b"), Stage("c")))


def test_a_funnel_needs_an_open_stage() -> None:
    with pytest.raises(StagesError, match="at least one open stage"):
        Stages(())


@pytest.mark.parametrize("outcomes", [(), (Outcome("lost", "lost"),)])
def test_a_funnel_needs_an_outcome_that_is_won(outcomes: tuple[Outcome, ...]) -> None:
    with pytest.raises(StagesError, match="no outcome is of kind 'won'"):
        Stages(AB, outcomes)


@pytest.mark.parametrize(
    ("rule", "value", "choices"),
    [
        ("skipped", "cut", "allow, merge, reject"),
        ("backward", "ignore", "allow, merge, reject"),
        ("reopened", "allow", "merge, cut, reject"),
    ],
)
def test_unknown_rule_is_refused_with_the_choices(rule: str, value: str, choices: str) -> None:
    with pytest.raises(StagesError, match=f"rule {rule} = '{value}' is unknown; use one of {choices}"):
        Stages(AB, **{rule: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [-0.01, 1.01, 20.0, float("nan")])
def test_nominal_rate_must_be_a_share(rate: float) -> None:
    with pytest.raises(StagesError, match=r"stage 'x': nominal_win_rate .* write 20 % as 0.2"):
        Stages((Stage("x", nominal_win_rate=rate),))


@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0, None])
def test_nominal_rate_within_bounds_is_kept(rate: float | None) -> None:
    assert Stages((Stage("x", nominal_win_rate=rate),)).open[0].nominal_win_rate == rate


def test_stages_are_frozen_and_equal_by_value() -> None:
    assert Stages(AB, MIXED) == Stages(AB, MIXED)
    assert Stages(AB, MIXED) != Stages(AB, MIXED, skipped="merge")
    with pytest.raises(AttributeError):
        Stages(AB).skipped = "merge"  # type: ignore[misc]


def test_error_is_one_a_caller_can_catch() -> None:
    assert issubclass(StagesError, FunnelsimError)
    assert issubclass(FunnelsimError, ValueError)
