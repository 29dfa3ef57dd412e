"""What may be given to read_deals: everything else is refused with what was given and what is accepted."""

import numpy as np
import pandas as pd
import pytest

from funnelsim.intake.currencies import RatesError
from funnelsim.intake.deals import read_deals
from funnelsim.intake.findings import DataError
from funnelsim.intake.reading import ReadingError
from funnelsim.intake.zones import ZoneError

DEALS = pd.DataFrame({"deal_id": ["A", "B"], "created_at": "2026-01-05", "outcome": "open", "amount": 100.0})


def read(deals=DEALS, history=None, **options):
    return read_deals(deals, history, **({"as_of": "2026-02-01"} | options))


@pytest.mark.parametrize(
    ("date_format", "message"),
    [
        ("%q", "'%q' is no directive"),
        ("%d/%m/%", "'%' is no directive"),
        ("%-d/%m/%Y", "'%-' is no directive"),
        ("dd/mm/yyyy", "says nothing of the year"),
        ("%d/%m", "says nothing of the year"),
        ("%d/%d/%Y", "cannot be used"),
        ("%G", "cannot be used"),
    ],
)
def test_a_date_format_that_cannot_be_used_is_named_with_its_directive(date_format, message):
    with pytest.raises(ReadingError) as error:
        read(date_format=date_format)
    assert f"date_format={date_format!r}" in str(error.value)
    assert message in str(error.value)
    assert "such as '%d/%m/%Y'" in str(error.value)


def test_a_format_with_a_percent_sign_of_its_own_is_fine():
    dates = DEALS.assign(created_at="05%01%26")
    assert str(read(dates, date_format="%d%%%m%%%y").deals["created_at"][0].date()) == "2026-01-05"


@pytest.mark.parametrize(
    ("options", "kind", "given", "accepted"),
    [
        ({"deals": None}, ReadingError, "deals is None", "a pandas DataFrame"),
        ({"deals": np.zeros((2, 2))}, ReadingError, "deals is a ndarray", "a pandas DataFrame"),
        ({"deals": [{"deal_id": "A"}]}, ReadingError, "deals is a list", "a pandas DataFrame"),
        ({"history": 5}, ReadingError, "history is 5", "the path of a CSV, Parquet or Excel file"),
        ({"stages": ["A", "B"]}, ReadingError, "stages is a list", "Stages.named(['lead', 'offer'])"),
        ({"tz": 5}, ZoneError, "tz=5", "'Europe/Amsterdam'"),
        ({"file_tz": ["UTC"]}, ZoneError, "file_tz=['UTC']", "'Europe/Amsterdam'"),
        ({"rates": "EUR=1.1"}, RatesError, "'EUR=1.1'", "{'EUR': 1.08}"),
        ({"rates": {"EUR": "1.1"}}, RatesError, "{'EUR': '1.1'}", "{'EUR': 1.08}"),
        ({"columns": ["deal_id"]}, ReadingError, "columns is a list", "a dict"),
        ({"history_columns": "deal_id"}, ReadingError, "history_columns is 'deal_id'", "a dict"),
        ({"outcome_values": "won"}, ReadingError, "outcome_values is 'won'", "a dict"),
        ({"unit": 5}, ReadingError, "unit is 5", "text"),
        ({"date_format": 5}, ReadingError, "date_format is 5", "text"),
    ],
)
def test_an_option_of_another_kind_says_what_was_given_and_what_is_accepted(options, kind, given, accepted):
    with pytest.raises(kind) as error:
        read(**options)
    assert given in str(error.value)
    assert accepted in str(error.value)


@pytest.mark.parametrize(
    ("outcome_values", "message"),
    [
        ({"won": "banana"}, "outcome_values={'won': 'banana'}: on the left stands the file's value"),
        ({"won": "banana"}, "'banana' is no outcome; use one of 'open', 'won', 'lost', or ''"),
        ({"signed": "wonn"}, "'wonn' is no outcome; did you mean 'won'?"),
        ({"won": "Signed"}, "did you mean {'Signed': 'won'}?"),
    ],
)
def test_a_meaning_that_is_no_outcome_names_the_sides_and_the_known_ones(outcome_values, message):
    with pytest.raises(DataError) as error:
        read(DEALS.assign(outcome=["Signed", "won"]), outcome_values=outcome_values)
    assert message in str(error.value)
    assert len(error.value.faults) == 1


def test_meanings_may_be_well_known_words_or_other_values():
    closed = DEALS.assign(outcome=["Signed", "Gone"], closed_at="2026-01-20")
    history = read(closed, outcome_values={"Signed": "Closed Won", "*": "lost"})
    assert list(history.deals["outcome"]) == ["won", "lost"]
