"""The user's file of pairs, read and checked."""

import gzip

import pytest

from apps.pipeline.errors import DataError
from apps.word_reversal.pairs import read_pairs


def written(tmp_path, content):
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_pairs_are_read_in_order_once_each(tmp_path):
    path = written(tmp_path, "\ufeffman\twoman\r\n\nupp\tned\nman\twoman\n1.2.\t2 Jan\nman\tmen")
    assert read_pairs(path) == [("man", "woman"), ("upp", "ned"), ("1.2.", "2 Jan"), ("man", "men")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a\tb\nab\n", "line 2: expected two columns separated by a tab, got 1: 'ab'"),
        (f"a\tb\n{'x' * 1000}\n", f"line 2: expected two columns separated by a tab, got 1: '{'x' * 40}'"),
        ("a\tb\n\tb\n", "line 2: expected 1 to 200 characters in a column, got 0"),
        ("a\t\n", "line 1: expected 1 to 200 characters in a column, got 0"),
        (f"a\t{'b' * 201}\n", "line 1: expected 1 to 200 characters in a column, got 201"),
    ],
)
def test_a_bad_line_is_named(tmp_path, content, sentence):
    path = written(tmp_path, content)
    with pytest.raises(DataError) as raised:
        read_pairs(path)
    assert str(raised.value) == f"{path}, {sentence}"


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_an_empty_file_is_refused(tmp_path, content):
    with pytest.raises(DataError, match="expected pairs, two columns separated by a tab, got none"):
        read_pairs(written(tmp_path, content))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"expected a file or folder, got .*none\.tsv, which doesn't exist"):
        read_pairs(tmp_path / "none.tsv")
    with pytest.raises(DataError, match=r"expected pairs, .*, got none"):
        read_pairs(tmp_path)


def test_further_columns_are_passed_over(tmp_path):
    content = 'Hi.\tSalut !\tCC-BY 2.0 (France) Attribution: tatoeba.org #538123\n"Go," he said.\tVa.\tCC-BY\n'
    assert read_pairs(written(tmp_path, content)) == [("Hi.", "Salut !"), ('"Go," he said.', "Va.")]


def test_csv_is_read_with_or_without_names_of_its_columns(tmp_path):
    path = tmp_path / "pairs.csv"
    for names in ("", "Source,Target,Note\n"):
        path.write_text(f'{names}"one, two",eins,x\nthree,"""drei""",y\n', encoding="utf-8")
        assert read_pairs(path) == [("one, two", "eins"), ("three", '"drei"')]
    path.write_text("alone\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"pairs.csv, line 1: expected two columns, got 1: 'alone'"):
        read_pairs(path)


def test_other_encodings_and_compression(tmp_path):
    assert read_pairs(written(tmp_path, "gehen\tgeht\n".encode("utf-16"))) == [("gehen", "geht")]
    (tmp_path / "pairs.tsv.gz").write_bytes(gzip.compress(b"go\twent\n"))
    assert read_pairs(tmp_path / "pairs.tsv.gz") == [("go", "went")]
