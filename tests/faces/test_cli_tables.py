"""Text tables: alignment by what a terminal shows, nothing raw, errors on bars."""

import pytest

from funnelsim.faces.tables import (
    decimals_for,
    display_width,
    error_bar,
    number,
    paragraph,
    percent,
    plain,
    shorten,
    text_table,
    visible,
    wrapped,
)


def test_columns_align_by_display_width():
    lines = text_table(["阶段", "n"], [["赢单", "1"], ["won", "20"]], "lr")
    assert [display_width(line) for line in lines] == [8, 8, 8]


def test_a_long_last_column_is_wrapped_under_itself():
    first, *rest = text_table(["a", "b"], [["x", "word " * 60]], "ll")[1:]
    assert first.startswith("x  word")
    assert rest
    assert all(line.startswith("   word") and display_width(line) <= 100 for line in rest)


@pytest.mark.parametrize(
    "mark", ["\x00", "\x1b", "\x7f", "\x9b", "\u200b", "\u202e", "\u2028", "\ud800", "\n"]
)
def test_invisible_characters_are_escaped(mark):
    assert visible(f"a{mark}b").startswith("a\\")
    assert visible(f"a{mark}b").isascii()


def test_newlines_stay_where_they_are_meant():
    assert visible("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@pytest.mark.parametrize("text", ["赢单 ± █▒ …", "Zürich\ud800"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "gbk"])
def test_any_text_can_be_shown_in_any_encoding(text, encoding):
    assert plain(text, encoding).encode(encoding)


def test_numbers_for_people():
    assert [number(x) for x in (0.0, -0.4, 1e9, float("inf"))] == ["0", "0", "1,000,000,000", "-"]
    assert number(-1234.5, decimals=1) == "-1,234.5"
    assert [decimals_for([x]) for x in (5000, 50, 0.5)] == [0, 1, 2]
    assert decimals_for([]) == 2
    assert percent(1.0, decimals=0) == "100 %"


def test_bars_show_their_error():
    assert error_bar(1.0, 0.0, largest=1.0, room=10) == "█" * 10
    assert error_bar(0.5, 0.1, largest=1.0, room=10) == "█" * 4 + "▒" * 2
    assert error_bar(0.0, 0.0, largest=0.0) == ""
    assert error_bar(float("nan"), 0.1, largest=1.0) == ""
    assert len(error_bar(0.9, 5.0, largest=1.0, room=10)) == 10


def test_words_longer_than_a_line_are_broken():
    lines = wrapped("x" * 25 + " 赢单赢单", 10)
    assert "".join(lines).replace(" ", "") == "x" * 25 + "赢单赢单"
    assert max(map(display_width, lines)) <= 10
    assert wrapped("", 10) == [""]


def test_names_without_end_are_broken_and_cut_all_the_same():
    """Work that grows with the square of the length, or its cube, would never end here."""
    assert wrapped("x" * 400_000, 20) == ["x" * 20] * 20_000
    assert shorten("赢" * 400_000, 20) == "赢" * 9 + "…"


def test_long_names_are_cut_and_say_so():
    assert shorten("a" * 50, 10) == "a" * 9 + "…"
    assert display_width(shorten("赢" * 50, 10)) <= 10


def test_paragraphs_hang_under_their_lead():
    lines = paragraph("word " * 40, first="Notes  ")
    assert lines[0].startswith("Notes  word")
    assert all(line.startswith("       word") for line in lines[1:])


def test_names_give_way_to_figures():
    lines = text_table(["name", *"abcdef"], [["n" * 150, *["1,234,567,890"] * 6]], "lrrrrrr")
    assert max(map(display_width, lines)) <= 12 + 6 * 15
    assert lines[1].count("1,234,567,890") == 6
    assert "".join(lines[1:]).count("n") == 119  # cut to 120 columns with a mark, then wrapped
