import pandas as pd
import pytest

from funnelsim.intake.currencies import RatesError
from funnelsim.intake.deals import read_deals
from funnelsim.intake.findings import DataError

RATES = {"EUR": 1.1, "USD": 1.0}


def deals(amounts: list[str], currencies: list[str] | None = None) -> pd.DataFrame:
    n = len(amounts)
    frame = pd.DataFrame(
        {"deal_id": range(n), "created_at": "2026-01-05", "outcome": "open", "amount": amounts}
    )
    return frame if currencies is None else frame.assign(currency=currencies)


def read(frame: pd.DataFrame, **options):
    return read_deals(frame, as_of="2026-02-01", **options)


def test_one_currency_is_the_unit():
    assert read(deals(["100", "200"], ["EUR", "EUR"])).unit == "EUR"
    assert read(deals(["€100.00", "€200.00"])).unit == "EUR"
    assert read(deals(["100", "200"]), unit="MW").unit == "MW"


@pytest.mark.parametrize(
    "frame",
    [deals(["100", "200", "300"], ["EUR", "USD", "EUR"]), deals(["€100.00", "US$200.00", "€300.00"])],
    ids=["column", "signs"],
)
def test_mixed_currencies_are_refused_with_counts_and_the_way_out(frame):
    with pytest.raises(DataError) as error:
        read(frame)
    assert "EUR: 2, USD: 1" in str(error.value)
    assert "rates={'EUR': ..., 'USD': ...}" in str(error.value)


def test_mixed_currencies_are_converted_at_the_rates_and_noted():
    history = read(deals(["100", "200", ""], ["EUR", "USD", ""]), rates=RATES, unit="USD")
    assert history.deals["amount"].tolist()[:2] == pytest.approx([110.0, 200.0])
    assert history.unit == "USD"
    note = history.intake_issues.iloc[0]
    assert (note["level"], note["rule"], note["value"]) == ("note", "currency", 1)
    assert "EUR converted at 1.1" in note["message"]


def test_amounts_of_moves_are_in_the_currency_of_their_deal(stages):
    frame = deals(["100", "200"], ["EUR", "USD"])
    moves = pd.DataFrame({"deal_id": [0, 1], "stage": "lead", "entered_at": "2026-01-05", "amount": [50, 60]})
    history = read_deals(frame, moves, stages=stages, as_of="2026-02-01", rates=RATES, unit="USD")
    assert history.records.moves["amount"].tolist() == pytest.approx([55.0, 60.0])


@pytest.mark.parametrize(("currency", "way_out"), [("CHF", "add 'CHF' to rates="), ("", "state it")])
def test_an_amount_without_a_rate_is_a_fault(currency, way_out):
    with pytest.raises(DataError, match=f"row 3, column 'currency'.*{way_out}"):
        read(deals(["100", "200"], ["EUR", currency]), rates=RATES, unit="USD")


def test_another_unit_than_the_currency_is_refused():
    with pytest.raises(DataError, match="in EUR, not in the unit USD"):
        read(deals(["100"], ["EUR"]), unit="USD")


def test_amounts_without_a_currency_take_the_only_one_and_that_is_noted():
    history = read(deals(["100", "200"], ["EUR", ""]))
    assert list(history.intake_issues["rule"]) == ["currency"]
    assert history.unit == "EUR"


def test_rates_must_be_positive():
    with pytest.raises(RatesError, match="EUR"):
        read(deals(["100"]), rates={"EUR": 0.0})


def test_a_sign_and_its_code_are_one_currency():
    assert read(deals(["￥100", "¥200"])).unit == "¥"
    assert read(deals(["€100.00", "EUR 200.00"])).unit == "EUR"
    assert read(deals(["100", "200", "300"], ["€", "EUR", "eur"])).unit == "EUR"


@pytest.mark.parametrize(
    ("amounts", "options", "unit"),
    [
        (["$100", "USD 200"], {}, "USD"),
        (["$100", "CAD 200"], {}, "CAD"),
        (["￥100", "CNY 200"], {}, "CNY"),
        (["¥100", "JPY 200"], {}, "JPY"),
        (["$100", "200"], {"unit": "AUD"}, "AUD"),
        (["$100", "€200.00"], {"rates": {"USD": 0.5}, "unit": "EUR"}, "EUR"),
    ],
)
def test_a_shared_sign_means_the_one_currency_named_beside_it_and_that_is_noted(amounts, options, unit):
    history = read(deals(amounts), **options)
    assert history.unit == unit
    note = history.intake_issues.iloc[0]
    assert (note["level"], note["rule"], note["value"]) == ("note", "currency", 1)
    code = "USD" if "rates" in options else unit
    assert f"{amounts[0][0].replace('￥', '¥')} is read as {code}" in note["message"]


@pytest.mark.parametrize("amounts", [["$100", "€200.00"], ["$1", "USD 2", "CAD 3"], ["¥1", "EUR 2"]])
def test_a_shared_sign_stays_a_currency_of_its_own_where_nothing_settles_it(amounts):
    with pytest.raises(DataError, match="amounts in several currencies"):
        read(deals(amounts))


def test_a_shared_sign_is_not_settled_between_two_currencies():
    with pytest.raises(DataError, match=r"no rate for \$; add '\$' to rates="):
        read(deals(["$100"]), rates={"USD": 0.9, "CAD": 0.7}, unit="EUR")


def test_a_shared_sign_in_the_log_is_settled_too(stages):
    frame = deals(["", ""]).drop(columns="amount")
    moves = pd.DataFrame({"deal_id": [0, 1], "stage": "lead", "entered_at": "2026-01-05"})
    history = read_deals(frame, moves.assign(amount=["$50", "USD 60"]), stages=stages, as_of="2026-02-01")
    assert history.records.moves["amount"].tolist() == [50.0, 60.0]
    assert "$ is read as USD" in history.intake_issues["message"].iloc[0]


def test_a_rate_of_a_shared_sign_holds_for_the_sign():
    history = read(deals(["￥100", "CNY 200"]), rates={"￥": 1e4}, unit="CNY")
    assert history.deals["amount"].tolist() == [1e6, 200.0]


def test_the_unit_needs_no_rate_of_its_own():
    history = read(deals(["100", "200"], ["EUR", "USD"]), rates={"USD": 0.5}, unit="EUR")
    assert history.deals["amount"].tolist() == [100.0, 100.0]
