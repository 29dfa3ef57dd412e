"""Funnel files: what is refused, with the key and the way out; what is written can be read again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.nouns.funnel_file import FunnelFileError
from funnelsim.numerics.arrivals import fit_arrivals

ROUTES = {"goes_to": {"won": 0.25, "lost": 0.75}, "median_steps": 10}
CHANCES = {"first_age": [0, 1], "chance_per_step": {"won": [0, 0.1]}}
COUNTED = {"first_age": [0, 1], "at_risk": [9, 90], "exits": {"won": [1, 5]}}


def written(path: Path, **parts: Any) -> Path:
    content = {
        "format": "funnelsim-funnel/1",
        "stages": [{"name": "lead", "aliases": ["contact"]}],
        "outcomes": [{"name": "won", "kind": "won"}, {"name": "lost", "kind": "lost"}],
        "hazards": {"lead": ROUTES},
        "arrivals": {"block_steps": 7, "mean_per_block": 5, "entries": {"lead": 1}},
    }
    path.write_text(json.dumps(content | parts))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "funnel.json"


def refusal(path: Path) -> str:
    with pytest.raises(FunnelFileError) as caught:
        fs.Funnel.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("form", [ROUTES, CHANCES, COUNTED])
def test_every_form_of_hazards_is_read_and_written_again(path: Path, form: dict[str, Any]) -> None:
    funnel = fs.Funnel.load(written(path, hazards={"lead": form}))
    funnel.save(path)
    again = fs.Funnel.load(path)
    np.testing.assert_allclose(again.mean_hazards(0), funnel.mean_hazards(0), rtol=1e-12)


@pytest.mark.parametrize(
    ("form", "faults"),
    [
        (
            {"goes_to": {"won": 1}, "median_step": 10},
            ["median_step: no such key; did you mean 'median_steps'"],
        ),
        ({"goes_to": {"won": 1}}, ["median_steps: is missing"]),
        (ROUTES | {"median_steps": -1}, ["median_steps: must be a number above 0, not -1"]),
        ({"first_age": [0, 1], "chance_per_stp": {}}, ["no such key; did you mean 'chance_per_step'?"]),
        (CHANCES | {"weight": 5, "colour": 1}, ["weight", "colour: no such key; the keys are first_age"]),
        ({"first_age": [0, 1], "exits": {}}, ["at_risk: is missing"]),
        ({}, ["goes_to: is missing", "median_steps: is missing"]),
        ([], ["must be an object"]),
    ],
)
def test_only_faults_of_the_form_meant_are_told(path: Path, form: Any, faults: list[str]) -> None:
    message = refusal(written(path, hazards={"lead": form}))
    lines = message.splitlines()[1:]
    assert len(lines) == len(faults)
    for line, fault in zip(lines, faults, strict=True):
        assert fault in line
        assert line.startswith("  hazards.lead")


def test_a_misspelt_key_is_named_wherever_it_stands(path: Path) -> None:
    arrivals = {"block_steps": 7, "mean_per_blok": 5, "entries": {"lead": 1}}
    message = refusal(written(path, arrivals=arrivals, amonts=None))
    assert message.count("\n") == 2
    assert "arrivals.mean_per_blok: no such key; did you mean 'mean_per_block'?" in message
    assert "amonts: no such key; did you mean 'amounts'?" in message


@pytest.mark.parametrize("text", ['{"unit": "EUR", "unit": "USD"}', '{"hazards": {"unit": 1, "unit": 2}}'])
def test_a_key_written_twice_is_named(path: Path, text: str) -> None:
    path.write_text(text)
    assert "key 'unit' is written twice" in refusal(path)


def test_a_place_under_two_names_is_refused(path: Path) -> None:
    stages = [{"name": "lead"}, {"name": "offer", "aliases": ["proposal"]}]
    to_offer = {"goes_to": {"offer": 0.5, "proposal": 0.5}, "median_steps": 3}
    message = refusal(written(path, stages=stages, hazards={"lead": to_offer, "offer": ROUTES}))
    assert "one place stands there under two names" in message


@pytest.mark.parametrize(
    "form",
    [
        {"goes_to": {"lead": 0.5, "won": 0.5}, "median_steps": 10},
        {"goes_to": {"contact": 0.5, "won": 0.5}, "median_steps": 10},
        {"first_age": [0, 1], "chance_per_step": {"lead": [0, 0.1]}},
        {"first_age": [0, 1], "at_risk": [9, 90], "exits": {"lead": [1, 5]}},
        COUNTED | {"prior_shares": {"lead": 1}},
    ],
)
def test_a_stage_does_not_lead_to_itself(path: Path, form: dict[str, Any]) -> None:
    assert "cannot go from 'lead' to itself" in refusal(written(path, hazards={"lead": form}))


@pytest.mark.parametrize("entries", [{}, {"lead": 0}])
def test_deals_that_arrive_enter_somewhere(path: Path, entries: dict[str, float]) -> None:
    arrivals = {"block_steps": 7, "mean_per_block": 5, "entries": entries}
    assert 'such as {"lead": 1}' in refusal(written(path, arrivals=arrivals))
    assert (
        fs.Funnel.load(written(path, arrivals=arrivals | {"mean_per_block": 0})).arrivals.mean_per_block == 0
    )


def test_a_fit_that_saw_nobody_arrive_is_read_again(path: Path) -> None:
    nobody = fit_arrivals(np.zeros((401, 5)), "day")
    funnel = replace(fs.sample_funnel(), arrivals=nobody)
    funnel.save(path)
    assert fs.Funnel.load(path).arrivals.mean_per_block == nobody.mean_per_block


def test_stays_beyond_memory_are_refused(path: Path) -> None:
    assert "more than 100,000" in refusal(written(path, hazards={"lead": ROUTES | {"median_steps": 1e12}}))
    rare = {"first_age": [0, 1], "chance_per_step": {"won": [0, 1e-9]}}
    assert "a chance of 0" in refusal(written(path, hazards={"lead": rare}))
    old = {"first_age": [0, 1, 10**12], "at_risk": [9, 90, 9], "exits": {"won": [1, 5, 0]}}
    assert "a number of 1,000,000 or less" in refusal(written(path, hazards={"lead": old}))
    slow = fs.Funnel.load(written(path, hazards={"lead": ROUTES | {"median_steps": 6_000}}))
    assert slow.mean_hazards(0)[1].sum() == pytest.approx(1 - 0.5 ** (1 / 6_000))


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "1e16", "1" + "0" * 400, "1" * 5000],
    ids=["nan", "inf", "1e16", "1e400", "digits"],
)
def test_numbers_without_measure_are_refused(path: Path, value: str) -> None:
    path.write_text(written(path).read_text().replace('"mean_per_block": 5', f'"mean_per_block": {value}'))
    assert len(refusal(path)) < 500


@pytest.mark.parametrize("bracket", ["[", '{"a": '])
def test_brackets_thousands_deep_are_refused(path: Path, bracket: str) -> None:
    path.write_text(bracket * 100_000)
    assert "too deep" in refusal(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "no" / "funnel.json"):
        with pytest.raises(FunnelFileError, match="cannot be written"):
            fs.sample_funnel().save(place)
    assert list(tmp_path.iterdir()) == []


def test_a_saved_funnel_can_be_read_by_those_who_could_read_it_before(path: Path) -> None:
    (path.parent / "other").write_text("")
    fs.sample_funnel().save(path)
    assert path.stat().st_mode == (path.parent / "other").stat().st_mode
    path.chmod(0o640)
    fs.sample_funnel().save(path)
    assert path.stat().st_mode & 0o777 == 0o640


def test_entries_of_lists_are_counted_from_1_as_people_count(path: Path) -> None:
    """As in a scenario: the second stage, and the third age."""
    stages = [{"name": "lead"}, {"name": "offer", "nominal_win_rate": 1.5}]
    hazards = {"lead": CHANCES | {"first_age": [0, 1, "three"]}, "offer": ROUTES}
    told = refusal(written(path, stages=stages, hazards=hazards))
    assert "stages no. 2, nominal_win_rate: must be a number of 1 or less, not 1.5" in told
    assert "hazards.lead.first_age no. 3: must be a whole number, not 'three'" in told
    with pytest.raises(FunnelFileError) as raised, fs.use_language("zh"):
        fs.Funnel.load(path)
    assert "stages 第 2 项，nominal_win_rate：应为不大于 1 的数字，而不是 1.5" in str(raised.value)
