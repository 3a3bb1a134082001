"""Records of fields; what people's files of them look like is in test_sentiment_formats.py."""

import pytest

from apps.pipeline.separated import records


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_the_separator_is_the_one_that_makes_even_records(separator):
    text = f"text{separator}label\n" + "".join(f'"a,b;c|d\te"{separator}{number}\n' for number in range(9))
    assert [fields for _, fields in records(text, "a")] == [["text", "label"]] + [
        ["a,b;c|d\te", str(i)] for i in range(9)
    ]


def test_lines_are_counted_as_an_editor_does():
    text = 'sep=,\n\ntext,label\r\n"two\nlines",1\n\n , \nlast,0'
    assert records(text, "a") == [(3, ["text", "label"]), (4, ["two\nlines", "1"]), (8, ["last", "0"])]


def test_the_usual_separator_where_two_fit():
    assert records("a;b,c\nd;e,f\n", "a", ";")[0][1] == ["a", "b,c"]
    assert records("a;b,c\nd;e,f\n", "a")[0][1] == ["a;b", "c"]


def test_one_column():
    assert records("one\ntwo\n", "a") == [(1, ["one"]), (2, ["two"])]
    assert records("", "a") == []
