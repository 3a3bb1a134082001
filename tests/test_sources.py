"""What the user named by --data, as files."""

from pathlib import Path

import pytest

from apps.pipeline.errors import DataError
from apps.pipeline.sources import refuse_addresses, sources


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
