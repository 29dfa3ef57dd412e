"""Every rival: shapes, no leak, one seed one answer, refusals in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.records import Records
from funnelsim.questions import baselines
from funnelsim.questions.baselines import protocol
from funnelsim.questions.baselines.protocol import Measure, Rival, RivalError, Samples

Told = Callable[..., DealHistory]
ORIGIN = "2026-02-28"
RIVALS = baselines.all_rivals()
every = pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)


def ahead(seen: DealHistory, n_periods: int = 4, steps: int = 28) -> np.ndarray:
    return seen.cutoff_step + 1 + steps * np.arange(n_periods + 1)


def ask(rival: Rival, seen: DealHistory, measure: Measure = "bookings", seed: int = 7) -> Samples:
    return rival.forecast(seen, ahead(seen), measure, 50, np.random.default_rng(seed))


def parts(samples: Samples) -> list[bytes]:
    return [b"" if part is None else part.tobytes() for part in vars(samples).values()]


def with_another_future(history: DealHistory) -> DealHistory:
    """The same records up to the origin; all that follows is replaced, and new deals appear."""
    moves, deals = history.records.moves, history.records.deals
    known = moves[moves["entered_at"] <= pd.Timestamp(f"{ORIGIN} 23:59:59.999999")]
    won = history.stages.codes["won"]
    last = known.groupby("deal").tail(1)
    ends = last[last["stage"] < history.stages.n_open].assign(
        stage=won, entered_at=pd.Timestamp("2026-03-05"), row=10**6
    )
    n_new = 300
    extra = pd.concat([deals.head(1)] * n_new, ignore_index=True).assign(
        deal_id=[f"new {n}" for n in range(n_new)], amount=1e9
    )
    births = (
        known.head(1)
        .loc[[known.index[0]] * n_new]
        .assign(deal=len(deals) + np.arange(n_new), stage=0, entered_at=pd.Timestamp("2026-03-01"))
    )
    records = Records(pd.concat([deals, extra], ignore_index=True), pd.concat([known, ends, births]))
    return replace(history, records=records)


# --- every rival


@every
@pytest.mark.parametrize("measure", ["wins", "bookings"])
def test_samples_fit_the_question(rival: Rival, measure: Measure, simulated: DealHistory) -> None:
    seen = simulated.as_of(ORIGIN)
    found = ask(rival, seen, measure)
    assert found.total.shape == (50, 4)
    assert (found.total >= 0).all()
    assert found.total.sum() > 0
    if found.open_deals is not None:
        assert (found.total >= found.open_deals).all()
    if found.deal_chance is not None:
        assert found.deal_chance.shape == (seen.pipeline().n_deals,)
        assert 0 < found.deal_chance.mean() < 1
    assert rival.name
    assert len(rival.formula.splitlines()) == 1


@every
def test_what_comes_after_the_origin_changes_no_bit(rival: Rival, simulated: DealHistory) -> None:
    other = with_another_future(simulated)
    late = {"2026-02-28": True, "2026-06-30": False}
    for origin, is_same in late.items():
        found, changed = (ask(rival, history.as_of(origin)) for history in (simulated, other))
        assert (parts(found) == parts(changed)) is is_same  # the later origin shows that the check can fail


@every
def test_one_seed_gives_one_answer(rival: Rival, simulated: DealHistory) -> None:
    seen = simulated.as_of(ORIGIN)
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global generator must stay as it was
    first, again, other = (parts(ask(rival, seen, seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


@every
@pytest.mark.parametrize(
    ("shift", "measure", "message"),
    [(1, "wins", "right after the cutoff"), (0, "cash", "measure 'cash' is unknown")],
)
def test_a_question_that_does_not_fit_is_refused(
    rival: Rival, shift: int, measure: str, message: str, simulated: DealHistory
) -> None:
    seen = simulated.as_of(ORIGIN)
    with pytest.raises(RivalError, match=message):
        rival.forecast(seen, ahead(seen) + shift, measure, 10, np.random.default_rng(0))  # type: ignore[arg-type]


@every
def test_a_history_of_days_is_refused(rival: Rival, told: Told) -> None:
    moves = [("one", "A", "2026-01-05"), ("two", "A", "2026-01-06"), ("two", "B", "2026-01-07")]
    with pytest.raises(RivalError):
        ask(rival, told(moves, {"one": 1.0, "two": 2.0}, "2026-01-09"))


@every
def test_bookings_need_an_amount(rival: Rival, told: Told) -> None:
    moves = [("one", "A", "2026-01-05"), ("one", "won", "2026-01-06"), ("two", "A", "2026-01-07")]
    with pytest.raises(RivalError, match="use measure='wins'"):
        ask(rival, told(moves, {}, "2026-12-31"))


# --- names and extras


def test_a_rival_is_found_by_its_name() -> None:
    assert len({rival.name for rival in RIVALS}) == len(RIVALS)
    for rival in RIVALS:
        assert baselines.by_name(rival.name.upper()) == rival
    with pytest.raises(RivalError, match="did you mean 'AutoETS'"):
        baselines.by_name("Auto-ET")


def test_rivals_without_their_library_are_left_out_and_say_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, simulated: DealHistory
) -> None:
    monkeypatch.setattr(protocol, "find_spec", lambda library: None)
    plain = {rival.name for rival in baselines.all_rivals()}
    assert len(plain) == 8
    for name in ("AutoETS", "AutoTheta", "chain ladder (Mack)", "boosted win within period"):
        assert name not in plain
        with pytest.raises(RivalError, match=r'pip install "funnelsim\[baselines\]"'):
            ask(baselines.by_name(name), simulated.as_of(ORIGIN))


@pytest.mark.parametrize(
    ("total", "options"),
    [
        (np.zeros(3), {}),
        (np.full((2, 2), -1.0), {}),
        (np.full((2, 2), np.nan), {}),
        (np.zeros((2, 2)), {"open_deals": np.zeros((2, 3))}),
        (np.zeros((2, 2)), {"deal_chance": np.array([1.1])}),
    ],
)
def test_samples_that_are_none_are_refused(total: np.ndarray, options: dict[str, np.ndarray]) -> None:
    with pytest.raises(RivalError):
        Samples(total, **options)
