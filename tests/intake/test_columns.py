import pandas as pd
import pytest

from funnelsim.intake.columns import DEALS, HISTORY, resolve
from funnelsim.intake.findings import DataError, Findings
from funnelsim.intake.tables import Table


def resolved(titles: list[str], wanted=DEALS, mapping=None) -> Table:
    findings = Findings()
    frame = pd.DataFrame([[f"{title}!" for title in titles]], columns=titles)
    table = resolve(Table.of_frame("deals.csv", frame), wanted, mapping or {}, findings)
    findings.stop_if_refused()
    return table


@pytest.mark.parametrize("title", ["Created_At", " created at ", "CREATED-AT", "createdAt"])
def test_names_match_whatever_the_case_and_the_blanks(title):
    table = resolved(["Deal ID", title, "Region"])
    assert list(table.frame.columns) == ["deal_id", "created_at", "Region"]
    assert table.title("created_at") == title


def test_names_of_the_file_can_be_given_and_used_twice():
    table = resolved(
        ["Id", "StageName"], mapping={"deal_id": "id", "outcome": "StageName", "stage": "StageName"}
    )
    assert table.frame.loc[0].to_dict() == {"deal_id": "Id!", "outcome": "StageName!", "stage": "StageName!"}


def test_a_name_of_ones_own_renames_an_attribute():
    assert "region" in resolved(["deal_id", "Sales Region"], mapping={"region": "Sales Region"})


def test_a_column_passed_over_keeps_a_name_of_its_own():
    table = resolved(["deal_id", "amount", "Net value"], mapping={"amount": "Net value"})
    assert table.frame["amount"][0] == "Net value!"
    assert table.frame["amount (unused)"][0] == "amount!"


@pytest.mark.parametrize(
    ("titles", "wanted", "mapping", "message"),
    [
        (["dael_id", "amount"], DEALS, {}, "no column 'deal_id'; did you mean 'dael_id'?"),
        (["x", "y"], DEALS, {}, "Columns found: 'x', 'y'"),
        (["deal_id", "stage"], HISTORY, {}, "no column 'entered_at'"),
        (["deal_id"], DEALS, {"amount": "Valeu"}, "no column 'Valeu'"),
        (["deal_id", "Value"], DEALS, {"amount": "Valeu"}, "did you mean 'Value'?"),
        (["deal_id", "Close Date"], DEALS, {}, "columns={'closed_at': 'Close Date'}"),
        (["deal_id", "Close Date"], DEALS, {}, "columns={'Close Date': 'Close Date'}"),
        (["deal_id", "Value"], DEALS, {"ammount": "Value"}, "did you mean 'amount'?"),
        (["deal_id"], DEALS, {"deel": "deal_id"}, "on the right the file's; 'deel' is no column"),
        (["deal_id"], DEALS, {"deel": "deal_id"}, "did you mean 'deal_id'? Known are 'deal_id', "),
        (["deal_id", "x"], DEALS, {"key": "deal_id"}, "did you mean 'deal_id'?"),
        (["Key", "x"], DEALS, {"Key": "deal_id"}, "did you mean {'deal_id': 'Key'}?"),
        (["Deal Id", "deal-id"], DEALS, {}, "'Deal Id', 'deal-id' could each be 'deal_id'"),
    ],
)
def test_missing_and_misspelt_columns_say_the_way_out(titles, wanted, mapping, message):
    with pytest.raises(DataError) as error:
        resolved(titles, wanted, mapping)
    assert message in str(error.value)
    assert "deals.csv" in str(error.value)


def test_a_misspelt_option_is_the_only_fault_it_causes():
    with pytest.raises(DataError) as error:
        resolved(["deal_id"], mapping={"deel": "deal_id"})
    assert list(error.value.faults["rule"]) == ["misspelt option"]


def test_a_column_that_another_one_replaces_may_be_renamed():
    table = resolved(["deal_id", "amount", "Net"], mapping={"amount": "Net", "gross": "amount"})
    assert table.frame.loc[0].to_dict() == {"amount": "Net!", "gross": "amount!", "deal_id": "deal_id!"}


def test_all_missing_columns_are_named_at_once():
    with pytest.raises(DataError) as error:
        resolved(["x"], HISTORY)
    assert list(error.value.faults["column"]) == ["deal_id", "stage", "entered_at"]


def test_a_near_name_can_stay_an_attribute():
    table = resolved(["deal_id", "Close Date"], mapping={"Close Date": "Close Date"})
    assert set(table.frame.columns) == {"deal_id", "Close Date"}


def test_stages_as_columns_are_no_slips_of_stage():
    assert "Stage 1" in resolved(["deal_id", "Stage 1", "Stage 2"])
