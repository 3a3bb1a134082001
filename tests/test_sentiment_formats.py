"""Files of texts and labels, in the formats that people have them in."""

import bz2
import gzip
import io
import json
import lzma
import sys
import zipfile

import polars
import pytest

from apps.pipeline.errors import DataError
from apps.sentiment.data import Files, labelled_texts
from apps.sentiment.formats import tables

ROWS = [
    ("Warm, funny; and kind.", "thumbs up"),
    ('She said "no", and so do I.\nTwice.', "thumbs down"),
    ("好看😀 déjà vu", "thumbs up"),
]
FLAT = [(text.replace("\n", " "), label) for text, label in ROWS]
QUOTED = [('"' + text.replace('"', '""') + '"', label) for text, label in ROWS]
ESCAPED = [('"' + text.replace('"', '\\"') + '"', label) for text, label in ROWS]


def lines(rows, separator=",", end="\n", header=("text", "label")):
    return "".join(separator.join(row) + end for row in [header, *rows])


OBJECTS = [{"text": text, "label": label, "stars": 3} for text, label in ROWS]
CSV = lines(QUOTED)
FILES = {
    "a.csv": CSV,
    "a.CSV": "\ufeff" + CSV,
    "windows.csv": lines(QUOTED, end=" \r\n").replace("label \r\n", "label\r\n\r\n"),
    "mac.csv": lines([('"' + text.replace('"', '""') + '"', label) for text, label in FLAT], end="\r"),
    "columns.csv": "id,label,text,\n" + "".join(f"{i},{label},{text},\n" for i, (text, label) in enumerate(QUOTED)),
    "spaces.csv": lines(QUOTED, ", "),
    "escaped.csv": lines(ESCAPED),
    "semicolons.csv": lines(QUOTED, ";"),
    "tabs.csv": lines(QUOTED, "\t"),
    "bars.txt": lines(QUOTED, "|"),
    "sep.csv": "sep=;\n" + lines(QUOTED, ";"),
    "a.tsv": lines(QUOTED, "\t"),
    "unquoted.tsv": lines([*FLAT, ('"So" they said', "thumbs up")], "\t"),
    "a.jsonl": "\n".join(json.dumps(each) for each in OBJECTS),
    "a.ndjson": "\ufeff\n" + "".join(json.dumps(each, ensure_ascii=False) + "\r\n" for each in OBJECTS),
    "lines.json": "\n".join(json.dumps(each) for each in OBJECTS),
    "array.json": json.dumps(OBJECTS, indent=1),
    "inside.json": json.dumps({"version": 1, "data": OBJECTS}),
    "lists.json": json.dumps({"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]}),
    "pandas.json": json.dumps({name: {str(i): row[name] for i, row in enumerate(OBJECTS)} for name in OBJECTS[0]}),
    "fasttext.txt": "".join(f"__label__{label.replace(' ', '-')} {text}\n" for text, label in FLAT),
}


def expected(name):
    rows = [*FLAT, ('"So" they said', "thumbs up")] if name == "unquoted.tsv" else ROWS
    if name in ("mac.csv", "fasttext.txt"):
        rows = FLAT
    return [(text, label.replace(" ", "-") if name == "fasttext.txt" else label) for text, label in rows]


def read(*paths, **how):
    data = labelled_texts(Files(paths, **how))
    return [(text, data.names[label]) for text, label in zip(data.texts, data.labels, strict=True)]


COMPRESSIONS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("name", FILES)
def test_every_format_is_read(tmp_path, name, compression):
    path = tmp_path / f"{name}{compression}"
    path.write_bytes(COMPRESSIONS[compression](FILES[name].encode()))
    assert read(path) == expected(name)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "gb18030"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "fasttext.txt"])
def test_encodings_are_found(tmp_path, name, encoding):
    (tmp_path / name).write_bytes(FILES[name].encode(encoding))
    assert read(tmp_path / name) == expected(name)


def test_western_europe_is_found_where_it_comes_late_and_seldom(tmp_path):
    path = tmp_path / "a.csv"
    rows = [(f"plain text number {number}", "np"[number % 2]) for number in range(20_000)] + [("un café déjà bu", "p")]
    path.write_bytes(lines(rows).encode("cp1252"))
    assert read(path) == rows


def test_a_few_damaged_bytes_do_not_make_another_encoding(tmp_path, capsys):
    rows = [("sehr schön und süß, für Häuser", "p"), ("gar nicht schön", "n")] * 30
    content = lines([(text.replace(",", ""), label) for text, label in rows]).encode()
    path = tmp_path / "a.csv"
    path.write_bytes(content.replace("für".encode(), b"f\xfcr", 1))
    assert read(path)[0][0] == "sehr schön und süß f\ufffdr Häuser"
    assert capsys.readouterr().err.startswith(f"{path}: 1 bytes that aren't UTF-8 are read as U+FFFD\n")


def test_an_encoding_can_be_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(lines([("日本", "p"), ("いや", "n")]).encode("euc-jp"))
    assert read(path, encoding="euc-jp") == [("日本", "p"), ("いや", "n")]
    with pytest.raises(DataError, match="expected the name of an encoding, such as gb18030, got 'klingon'"):
        read(path, encoding="klingon")
    with pytest.raises(DataError, match=r"expected utf-16 in .*a.csv, got something else"):
        read(path, encoding="utf-16")


FRAME = {"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]}


@pytest.mark.parametrize("name", ["a.parquet", "a.xlsx", "without_extension"])
def test_tables_of_other_programs(tmp_path, name):
    path = tmp_path / name
    if name == "a.xlsx":
        write_workbook(path, ROWS)
    else:
        polars.DataFrame(FRAME).write_parquet(path)
    assert read(path) == ROWS


def write_workbook(path, rows):
    """The smallest that Excel reads: a sheet of strings."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    space = "http://schemas.openxmlformats.org"
    cells = "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) + "</row>"
        for row in [("text", "label"), *rows]
    )
    related = "officeDocument/2006/relationships"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{space}/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{kind}.sheet.main+xml"/><Override PartName="/xl/sheet1.xml" ContentType="{kind}.worksheet+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{space}/package/2006/relationships"><Relationship Id="a" '
        f'Type="{space}/{related}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{space}/spreadsheetml/2006/main" xmlns:r="{space}/{related}"><sheets>'
        '<sheet name="one" sheetId="1" r:id="b"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{space}/package/2006/relationships"><Relationship Id="b" '
        f'Type="{space}/{related}/worksheet" Target="sheet1.xml"/></Relationships>',
        "xl/sheet1.xml": f'<worksheet xmlns="{space}/spreadsheetml/2006/main"><sheetData>{cells}</sheetData>'
        "</worksheet>",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_tables_without_the_packages_that_read_them(tmp_path, monkeypatch):
    polars.DataFrame(FRAME).write_parquet(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(DataError, match=r"expected the packages that read .*a.parquet, .*pip install '\.\[tables\]'"):
        read(tmp_path / "a.parquet")


def test_a_folder_of_each_label(tmp_path):
    for number, (text, label) in enumerate(FLAT):
        place = tmp_path / "own" / label / f"{number}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-16")
    (tmp_path / "own" / "README").write_text("about", encoding="utf-8")
    (tmp_path / "own" / ".hidden").mkdir()
    (tmp_path / "own" / ".hidden" / "9.txt").write_text("no", encoding="utf-8")
    assert sorted(read(tmp_path / "own")) == sorted(FLAT)
    archive = tmp_path / "own.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted((tmp_path / "own").rglob("*.txt")):
            file.write(path, path.relative_to(tmp_path))
    assert sorted(read(archive)) == sorted(FLAT)


def test_archives_and_folders_of_tables(tmp_path):
    archive = tmp_path / "own.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("data/a.csv", CSV)
        file.writestr("data/b.jsonl", FILES["a.jsonl"])
        file.writestr("data/README.txt", "about")
        file.writestr("__MACOSX/data/._a.csv", b"\0")
    assert read(archive) == ROWS + ROWS
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path / "folder")
    assert read(tmp_path / "folder" / "data") == ROWS + ROWS


OBJECT = '{"text": "fine", "label": 1}\n'
BROKEN = {
    "empty file": ("a.csv", "", "expected texts and labels, got an empty file"),
    "empty JSONL": ("a.jsonl", "\n \n", "expected texts and labels, got an empty file"),
    "header only": ("a.tsv", "text\tlabel\n", "expected texts and labels, got none"),
    "open quote": (
        "a.csv",
        'text,label\n"a, b",1\n"y,0\nz,1\n',
        ", line 3: expected fields that contain quotes .* end of data",
    ),
    "broken JSON": ("a.jsonl", OBJECT + '{"text": ', r", line 2: expected one JSON object, got JSONDecodeError"),
    "deep JSON": ("a.jsonl", "[" * 200_000, ", line 1: expected one JSON object, got RecursionError"),
    "huge number": ("a.jsonl", "1" * 5000, ", line 1: expected one JSON object, got ValueError"),
    "no object": ("a.jsonl", '"text"', "expected an array of JSON objects, or an object a line, got '\"text\"'"),
    "an array of texts": ("a.json", '["a", "b"]', ", entry 1: expected one JSON object, got 'a'"),
    "not text": ("a.csv", bytes(range(256)) * 9, "expected a text in .*, got bytes that no encoding makes a text of"),
    "half a gzip": ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-20], "expected a whole compressed file in"),
    "half a bzip2": ("a.csv.bz2", bz2.compress(CSV.encode())[:-20], "expected a whole compressed file in"),
    "wrong bzip2": ("a.csv.bz2", b"BZh9" + b"\0" * 40, "expected a whole compressed file in"),
    "no Parquet": ("a.parquet", b"PAR1junk", "expected a Parquet file in .*, got one that can't be read: "),
    "no workbook": ("a.xlsx", b"PK\x03\x04", "expected a workbook of Excel or LibreOffice in"),
    "no archive": ("a.zip", b"PK\x03\x04", "expected a whole ZIP archive in"),
    "PDF": ("a.csv", b"%PDF-1.7", "got a PDF file: save what is in it as plain text"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, case):
    name, content, sentence = BROKEN[case]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=sentence) as error:
        read(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 1000


def test_an_archive_with_a_password(tmp_path):
    with zipfile.ZipFile(io.BytesIO(), "w") as file:
        file.writestr("a.csv", CSV)
        content = bytearray(file.fp.getvalue())
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a.csv", CSV)
    content = bytearray((tmp_path / "a.zip").read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag that says it is encrypted
        content[content.index(signature) + place] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match="expected a ZIP archive that can be unpacked, got RuntimeError"):
        read(tmp_path / "a.zip")


def test_what_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"expected a file or folder, got .*none.csv, which doesn't exist"):
        read(tmp_path / "none.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"expected files with texts and labels in .*empty, got none"):
        list(tables(tmp_path / "empty"))
