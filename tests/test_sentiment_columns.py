"""Which columns are the text and the label."""

import pytest

from apps.pipeline.errors import DataError
from apps.sentiment.columns import examples
from apps.sentiment.formats import Table

ROWS = [("line 2", ["1", "good", "pos"]), ("line 3", ["2", "bad", "neg"])]
FOUND = [("line 2", "good", "pos"), ("line 3", "bad", "neg")]


def found(columns, text=None, label=None, rows=ROWS):
    return list(examples(Table("a.csv", list(columns), rows, "line 1"), text, label))


@pytest.mark.parametrize(
    "columns",
    [
        ("", "text", "label"),
        ("id", "Text", "LABEL"),
        ("title", "Review", "Sentiment"),
        ("x", "Review Text", "star-rating"),
        ("x", "reviewText", "Class"),
        ("date", "tweet", "target"),
        ("编号", "评论", "标签"),
    ],
)
def test_usual_names_are_found(columns, capsys):
    assert found(columns) == FOUND
    said = f"a.csv: texts are in the column {columns[1]!r}, labels in {columns[2]!r}\n"
    assert capsys.readouterr().err == ("" if columns[1].lower() == "text" else said)


def test_the_more_usual_name_counts():
    assert found(("review", "text", "label")) == FOUND
    assert found(("score", "text", "label")) == FOUND


def test_named_columns():
    assert found(("label", "words", "mood"), "words", "mood") == FOUND
    assert found(("label", "Words ", "mood"), "WORDS", "Mood") == FOUND
    assert found(("id", "text", "mood"), label="mood") == FOUND
    with pytest.raises(
        DataError, match=r"a.csv, line 1: expected a column 'worms', got the columns 'id', 'words', 'm'"
    ):
        found(("id", "words", "m"), "worms", "m")


def test_columns_by_number_where_there_is_no_header():
    first = ("line 1", "fine", "pos")
    assert found(("0", "fine", "pos"), "2", "3") == [first, *FOUND]
    assert found(("id", "text", "label"), "2", "3") == FOUND  # there is a header
    assert found(("0", "1", "2"), "1", "2") == FOUND  # these are their names
    with pytest.raises(DataError, match="a column '4', got the columns"):
        found(("0", "fine", "pos"), "2", "4")


def test_no_such_columns():
    with pytest.raises(DataError) as error:
        found(("so good", "1", "2"))
    for part in ("a.csv, line 1: expected a column for the texts", "'so good', '1', '2'", "--text-column", "no header"):
        assert part in str(error.value)
    with pytest.raises(
        DataError, match=r"expected a column for the labels of a usual name.*got the columns 'text', 'x'"
    ):
        found(("text", "x"), rows=[])
    with pytest.raises(DataError, match="expected a column for the texts"):
        found(("text", "text", "label"))


def test_rows_of_another_width():
    rows = [("line 2", ["good", "pos", "", ""]), ("line 3", ["bad"]), ("line 4", ["so", "bad", "neg"])]
    assert found(("text", "label"), rows=rows) == [
        ("line 2", "good", "pos"),
        ("line 3", "1 fields in place of 2"),
        ("line 4", "3 fields in place of 2"),
    ]
