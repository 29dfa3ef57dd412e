import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnelsim.intake.amounts import AmbiguousAmount, Amounts, parse_amounts


def parsed(*texts: str, **options) -> Amounts:
    return parse_amounts(np.array(texts, dtype=object), **options)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1234.5", 1234.5),
        ("1,234.50", 1234.5),
        ("1.234,50", 1234.5),
        ("1 234,50", 1234.5),
        ("1\u00a0234,50", 1234.5),
        ("1\u202f234,50", 1234.5),
        ("1'234.50", 1234.5),
        ("1’234.50", 1234.5),
        ("1,234,567", 1234567.0),
        ("1.234.567", 1234567.0),
        ("12,34,567.00", 1234567.0),
        ("0.5", 0.5),
        ("0,123", 0.123),
        ("1234.567", 1234.567),
        ("1.5e6", 1.5e6),
        ("+7", 7.0),
    ],
)
def test_forms_of_numbers(text, number):
    assert parsed(text).number[0] == pytest.approx(number, rel=1e-12)
    assert parsed(text).problem[0] == ""


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("¥1,234", "¥"),
        ("€ 1.234,00", "EUR"),
        ("1.234,00 €", "EUR"),
        ("US$1,234.00", "USD"),
        ("$1,234.00", "$"),
        ("GBP 1,234.00", "GBP"),
        ("1,234.00 CHF", "CHF"),
        ("1234", ""),
    ],
)
def test_currency_beside_the_number(text, currency):
    amounts = parsed(text)
    assert amounts.number[0] == 1234
    assert amounts.currency[0] == currency


def test_one_value_decides_the_marks_for_its_column():
    assert list(parsed("1.234", "7,50").number) == [1234, 7.5]
    assert list(parsed("1.234", "7.50").number) == [1.234, 7.5]
    assert list(parsed("1,234", "0,125").number) == [1.234, 0.125]


def test_commas_before_three_digits_throughout_mark_thousands():
    assert list(parsed("1,234", "12,500", "800").number) == [1234, 12500, 800]


def test_points_before_three_digits_throughout_are_refused_with_the_way_out():
    with pytest.raises(AmbiguousAmount, match="decimal=") as error:
        parsed("800", "1.234", "12.500")
    assert list(error.value.examples) == [1]


@pytest.mark.parametrize("decimal", ["12,50", "1.234,50"])
def test_a_comma_before_three_digits_beside_a_decimal_comma_shows_a_row_of_each(decimal):
    with pytest.raises(AmbiguousAmount, match="thousands or decimals in the other") as error:
        parsed("800", "1,234", decimal)
    assert list(error.value.examples) == [1, 2]
    assert list(parsed("1,234", "12,50", decimal=",").number) == [1.234, 12.5]


def test_a_given_decimal_mark_settles_it():
    assert list(parsed("1.234", "12.500", decimal=",").number) == [1234, 12500]
    assert list(parsed("1.234", "12.500", decimal=".").number) == [1.234, 12.5]


def test_contradicting_marks_show_a_row_of_each():
    with pytest.raises(AmbiguousAmount, match="decimal") as error:
        parsed("", "1,234.50", "1.234,50")
    assert list(error.value.examples) == [1, 2]


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("-5", "must not be negative"),
        ("(1,234)", "must not be negative"),
        ("−7", "must not be negative"),
        ("€ -7", "must not be negative"),
        ("inf", "must be finite"),
        ("-Infinity", "must be finite"),
        ("1e400", "beyond 1e15; look for digits run together or a unit too small"),
        ("1,000,000,000,000,001", "beyond 1e15"),
        ("1.2万", "write the number out"),
        ("3k", "write the number out"),
        ("about 500", "not an amount"),
        ("100%", "not an amount"),
        ("1,23,4.5", "not an amount"),
        ("1.234.56", "not an amount"),
    ],
)
def test_what_is_no_amount_says_the_way_out(text, way_out):
    amounts = parsed(text)
    assert np.isnan(amounts.number[0])
    assert way_out in amounts.problem[0]


def test_empty_is_unknown_and_no_fault():
    amounts = parsed("", "1")
    assert np.isnan(amounts.number[0])
    assert list(amounts.problem) == ["", ""]


def written(cents: int, thousands: str, decimal: str) -> str:
    return f"{cents / 100:,.2f}".replace(",", "t").replace(".", decimal).replace("t", thousands)


@given(
    st.lists(st.integers(0, 10**12), min_size=1),
    st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", "."), ("\u00a0", ","), ("", ".")]),
    st.sampled_from(["", "€", "US$ ", "CNY "]),
)
def test_every_written_amount_is_read_back(cents, marks, sign):
    amounts = parsed(*(sign + written(amount, *marks) for amount in cents))
    assert list(amounts.problem) == [""] * len(cents)
    assert list(amounts.number) == [float(f"{amount / 100:.2f}") for amount in cents]
