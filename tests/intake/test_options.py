"""What may be given to read_deals: everything else is refused with what was given and what is accepted."""

import pandas as pd
import pytest

from funnelsim.intake.deals import read_deals
from funnelsim.intake.reading import ReadingError

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
