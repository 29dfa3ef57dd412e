import builtins
import gzip

import pandas as pd
import pytest

from funnelsim.intake.files import load, table_names
from funnelsim.intake.findings import DataError, Findings
from funnelsim.intake.tables import Table

ROWS = [{"id": "007", "stage": "报价"}, {"id": "008", "stage": "商务谈判"}]
CSV = "id,stage\n007,报价\n008,商务谈判\n"


def read(path) -> Table:
    findings = Findings()
    table = load(path, "deals", findings)
    assert not len(findings.faults())
    return table


def rows(table: Table) -> list[dict]:
    return table.frame.to_dict("records")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings_are_told_apart(write, encoding):
    assert rows(read(write("deals.csv", CSV, encoding))) == ROWS


def test_another_encoding_than_utf_8_is_noted(write):
    findings = Findings()
    load(write("deals.csv", CSV, "gb18030"), "deals.csv", findings)
    assert "GB18030" in findings.frame()["message"][0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_delimiters_are_told_apart(write, delimiter, line_end):
    text = CSV.replace(",", delimiter).replace("\n", line_end)
    assert rows(read(write("deals.txt", text))) == ROWS


def test_a_comma_in_a_title_does_not_hide_the_delimiter(write):
    table = read(write("deals.csv", 'id;"amount, EUR";stage\n1;2;3\n'))
    assert list(table.frame.columns) == ["id", "amount, EUR", "stage"]


def test_gzipped_text_is_unpacked(write):
    assert rows(read(write("deals.csv.gz", gzip.compress(CSV.encode())))) == ROWS


def test_rows_are_counted_as_a_spreadsheet_counts_them(write):
    table = read(write("deals.csv", 'id,note\n1,"two\nlines"\n\n,\n2,x\n'))
    assert list(table.rows) == [2, 5]


def test_frames_count_their_first_record_as_row_2():
    table = read(pd.DataFrame(ROWS, index=[7, 9]))
    assert list(table.rows) == [2, 3]


def test_workbooks_keep_text_ids_and_count_rows(tmp_path):
    xlsxwriter = pytest.importorskip("xlsxwriter")
    path = tmp_path / "deals.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Deals")
        for place, row in enumerate([["id", "n"], ["007", 17], [], ["008", 2.5]]):
            sheet.write_row(place, 0, row)
    table = read(path)
    assert list(table.rows) == [2, 4]
    assert list(table.text("id")) == ["007", "008"]
    assert list(table.text("n")) == ["17", "2.5"]
    assert table.has_serial_dates


def test_sheets_that_were_not_read_are_named(tmp_path):
    xlsxwriter = pytest.importorskip("xlsxwriter")
    path = tmp_path / "deals.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name in ("Deals", "History"):
            book.add_worksheet(name).write_column(0, 0, ["id", "1"])
    findings = Findings()
    load(path, "deals", findings)
    note = findings.frame().iloc[0]
    assert note["level"] == "note"
    assert "'Deals' was read, not 'History'" in note["message"]


def test_parquet_keeps_its_types(tmp_path):
    path = tmp_path / "deals.parquet"
    pd.DataFrame({"id": [1, 2], "at": pd.to_datetime(["2026-01-01", "2026-01-02"])}).to_parquet(path)
    table = read(path)
    assert table.frame["at"].dtype.kind == "M"
    assert list(table.rows) == [2, 3]


@pytest.mark.parametrize(
    ("name", "content", "seems", "way_out"),
    [
        ("deals.csv", b"PK\x03\x04....", "an Excel workbook", "rename it to .xlsx"),
        ("deals.csv", b"PAR1....", "a Parquet file", "rename it to .parquet"),
        ("deals.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook", "rename it to .xls"),
        ("deals.csv", b"%PDF-1.7", "a PDF document", "export the table as CSV"),
        ("deals.xls", b"<html><table>", "a web page", "save it as CSV"),
        ("deals.xlsx", b"\xef\xbb\xbf\n<!DOCTYPE html>", "a web page", "save it as CSV"),
        ("deals.csv", b'{"deals": []}', "JSON", "pandas.read_json"),
        ("deals.xlsx", b"id,stage\n1,lead\n", "text", "rename it to .csv"),
        ("deals.parquet", b"PK\x03\x04....", "an Excel workbook", "rename it to .xlsx"),
        ("deals.csv", b"id,stage\n1,le\0ad\n", "line 2 holds a NUL", "give a CSV"),
        ("deals.csv", "id,at\n1,Köln\n".encode("latin-1"), "neither UTF-8 nor GB18030", "CSV UTF-8"),
        ("deals.csv", b"id,at\n1,\xff\xff\n", "neither UTF-8 nor GB18030", "CSV UTF-8"),
        ("deals.csv", b"", "empty", "export"),
        ("deals.csv", b"\xef\xbb\xbf\n", "empty", "export"),
        ("deals.csv", b"id,stage\n", "no row below", "export"),
        ("deals.csv", b"id,id\n1,2\n", "'id' more than once", "own name"),
        ("deals.csv", b'id,stage\n1,"lead\n2,lead\n', "line 3", "a quote that is never closed"),
        ("deals.csv.gz", b"\x1f\x8b but no more", "damaged", "export"),
        ("deals.csv", b"\xff\xfea\x00b", "damaged", "export"),
        ("deals.parquet", b"PAR1 but no more", "damaged", "export"),
        ("deals.xlsx", b"PK\x03\x04 but no more", "damaged", "export"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_what_it_seems_to_be_and_the_way_out(
    write, name, content, seems, way_out
):
    with pytest.raises(DataError) as error:
        load(write(name, content), name, Findings())
    message = str(error.value)
    assert name in message
    assert seems in message
    assert way_out in message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"deals\.csv.*check the path"):
        load(tmp_path / "deals.csv", "deals.csv", Findings())


@pytest.mark.parametrize(
    ("name", "content", "library", "extra"),
    [
        ("deals.parquet", b"PAR1....", "pyarrow", "funnelsim[parquet]"),
        ("deals.xlsx", b"PK\x03\x04....", "python_calamine", "funnelsim[excel]"),
    ],
)
def test_a_missing_extra_is_named_with_its_command(write, monkeypatch, name, content, library, extra):
    found = builtins.__import__

    def without(module, *rest, **options):
        if module.split(".")[0] == library:
            raise ImportError(module)
        return found(module, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError) as error:
        load(write(name, content), name, Findings())
    assert f"pip install '{extra}'" in str(error.value)


def test_rows_with_too_many_or_too_few_fields_are_faults_with_their_row(write):
    findings = Findings()
    table = load(write("deals.csv", "id,stage\n1,lead\n2,lead,extra\n3\n4,offer\n"), "deals", findings)
    assert list(table.text("id")) == ["1", "4"]
    faults = findings.faults()
    assert list(faults["row"]) == [3, 4]
    assert list(faults["value"]) == ["2 | lead | extra", "3"]
    assert "3 fields, the header 2" in faults["message"][0]


def test_tables_are_called_by_their_files_and_never_alike():
    frame = pd.DataFrame()
    assert table_names("a/deals.csv", "b/moves.csv") == ("deals.csv", "moves.csv")
    assert table_names("a/2026.csv", "b/2026.csv") == ("2026.csv", "2026.csv (history)")
    assert table_names(frame, frame) == ("deals frame", "history frame")


@pytest.mark.parametrize(
    "cell", [["new", "big"], {"value": 5}, {"new"}, (1, 2)], ids=["list", "dict", "set", "tuple"]
)
def test_a_cell_of_several_values_is_refused_with_its_place_and_type(cell):
    frame = pd.DataFrame({"deal_id": ["A", "B"], "amount": [5, cell]})
    with pytest.raises(DataError) as error:
        load(frame, "deals frame", Findings())
    assert f"deals frame, row 3, column 'amount', value {str(cell)!r}" in str(error.value)
    assert f"holds a {type(cell).__name__}, not a single value; make one text" in str(error.value)


def test_nested_columns_of_parquet_are_refused(tmp_path):
    path = tmp_path / "deals.parquet"
    pd.DataFrame({"deal_id": ["A"], "tags": [["new", "big"]], "owner": [{"id": 5}]}).to_parquet(path)
    with pytest.raises(DataError) as error:
        load(path, "deals.parquet", Findings())
    assert list(error.value.faults["column"]) == ["tags", "owner"]


def test_columns_of_a_frame_with_one_name_are_refused():
    frame = pd.DataFrame([["A", 1, 2]], columns=["deal_id", "amount", "amount"])
    with pytest.raises(DataError, match="names 'amount' more than once; give each column its own name"):
        load(frame, "deals frame", Findings())
