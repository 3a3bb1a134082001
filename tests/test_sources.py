"""What the user named by --data, as files."""

import gzip
import zipfile
from pathlib import Path

import pytest

from apps.pipeline.errors import DataError
from apps.pipeline.sources import refuse_addresses, sources, texts_of


@pytest.mark.parametrize("address", ["https://example.org/a.csv", "s3://bucket/a.csv", "hf://datasets/imdb"])
def test_an_address_is_refused(address):
    with pytest.raises(DataError, match=f"got the address {address}: download it first$"):
        refuse_addresses([Path("fine.csv"), Path(address)])


def test_files_are_no_addresses():
    refuse_addresses([Path("C:/a.csv"), Path("/home/a:b/c.csv"), Path("https"), Path("folder/https:a")])


def test_the_folder_of_a_file_is_below_what_was_named(tmp_path):
    (tmp_path / "pos" / "new").mkdir(parents=True)
    for name in ("pos/1.txt", "pos/new/2.txt", "3.CSV.gz"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    found = sources(tmp_path)
    assert [(source.folder, source.suffix) for source in found] == [("", ".csv"), ("pos", ".txt"), ("new", ".txt")]
    assert [source.read() for source in found] == [b"3.CSV.gz", b"pos/1.txt", b"pos/new/2.txt"]
    (alone,) = sources(tmp_path / "pos" / "1.txt")
    assert alone.folder == "" and alone.name == str(tmp_path / "pos" / "1.txt")


def test_texts_of_folders_and_archives(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "b.txt").write_text("second é\r\n", encoding="utf-16")
    (tmp_path / "texts" / "a.txt").write_text("first\n", encoding="utf-8")
    (tmp_path / "texts" / "notes.md").write_text("no\n", encoding="utf-8")
    assert "".join(texts_of([tmp_path / "texts"], None)) == "first\nsecond é\n"
    with zipfile.ZipFile(tmp_path / "texts.zip", "w") as archive:
        for path in (tmp_path / "texts").iterdir():
            archive.write(path, path.name)
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"third"))
    assert "".join(texts_of([tmp_path / "texts.zip", tmp_path / "c.txt.gz"], None)) == "first\nsecond é\nthird"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"expected texts in .*empty, got none"):
        list(texts_of([tmp_path / "empty"], None))
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
        archive.writestr("[Content_Types].xml", "")
    with pytest.raises(DataError, match="got a ZIP file or a document of Word, Excel or LibreOffice"):
        list(texts_of([tmp_path / "a.docx"], None))
