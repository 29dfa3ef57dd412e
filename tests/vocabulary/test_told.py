"""Errors and warnings in the language that is spoken: English as written, Chinese where it is read."""

from __future__ import annotations

import pickle
import warnings

import pytest

import funnelsim as fs
from funnelsim.fitting.groups import SegmentWarning
from funnelsim.intake.scenarios import ScenarioError
from funnelsim.vocabulary.errors import FunnelsimError, english
from funnelsim.vocabulary.faults import Faults, PlacedError

SHORT = "periods '1D' are shorter than a week, the step of the clock"
SHORT_ZH = "期间 '1D' 短于时钟步长（周）"


def test_a_refusal_is_read_in_the_language_that_is_spoken_then() -> None:
    error = FunnelsimError(SHORT)
    assert str(error) == SHORT
    with fs.use_language("zh"):
        assert (str(error), english(error)) == (SHORT_ZH, SHORT)
    assert str(error) == SHORT


def test_a_refusal_that_leaves_a_block_is_told_in_its_language() -> None:
    """A notebook prints the error when the block has fallen silent."""
    with pytest.raises(FunnelsimError) as caught, fs.use_language("zh"):
        raise FunnelsimError(SHORT)
    assert (str(caught.value), english(caught.value)) == (SHORT_ZH, SHORT)
    assert str(pickle.loads(pickle.dumps(caught.value))) == SHORT_ZH


def test_the_innermost_block_decides() -> None:
    with pytest.raises(FunnelsimError) as caught, fs.use_language("zh"), fs.use_language("en"):
        raise FunnelsimError(SHORT)
    assert str(caught.value) == SHORT


def test_what_nobody_has_put_into_the_catalogue_stays_english() -> None:
    with fs.use_language("zh"):
        assert str(FunnelsimError("words nobody has put there")) == "words nobody has put there"


def test_keys_of_a_file_stay_as_they_are_typed() -> None:
    """`stages` and `target` are words of the catalogue, too."""
    fault = "periods '1D' are shorter than a week, the step of the clock"
    with fs.use_language("zh"):
        assert str(PlacedError((("stages", 0, "target"), fault))) == f"stages 第 1 项，target：{SHORT_ZH}"
        assert str(ScenarioError(f"a.toml has 1 fault:\n  line 3: target: {fault}")).endswith(
            f"\n  第 3 行：target：{SHORT_ZH}"
        )


def test_messages_made_of_others_are_put_together_in_english() -> None:
    """A fault whose text begins with its key gives the key up, whatever is spoken."""
    faults = Faults()

    def refuse() -> None:
        raise FunnelsimError("speed: must be above 0")

    with fs.use_language("zh"):
        faults.attempt(("changes", "speed"), refuse)
    assert faults.found == [(("changes", "speed"), "must be above 0")]


def test_warnings_speak_as_errors_do() -> None:
    text = (
        "all 12 deals have one value of 'region': there is nothing to compare; "
        "choose an attribute with several values"
    )
    with warnings.catch_warnings(record=True) as caught, fs.use_language("zh"):
        warnings.simplefilter("always")
        warnings.warn(text, SegmentWarning, stacklevel=1)
        told = "全部 12 个商机的 'region' 只有一个值：没有可比较的；请换一个有多个取值的属性"
        assert str(caught[0].message) == told
    assert str(caught[0].message) == text
    assert issubclass(SegmentWarning, UserWarning)


def test_names_in_keys_stand_in_quotes_whatever_marks_they_hold() -> None:
    fault = PlacedError((("words", "zh", "by hand: no. 2, days"), SHORT))
    assert str(fault) == f'words.zh."by hand: no. 2, days": {SHORT}'
    with fs.use_language("zh"):
        assert str(fault) == f'words.zh."by hand: no. 2, days"：{SHORT_ZH}'
        told = str(ScenarioError(f'a.toml has 1 fault:\n  line 3: lever no. 3, "a: b": {SHORT}'))
        assert told.endswith(f'\n  第 3 行：lever 第 3 项，"a: b"：{SHORT_ZH}')
