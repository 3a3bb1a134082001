"""Files that are whole or not there."""

import errno
from pathlib import Path

import pytest

from apps.pipeline.whole_files import write_text


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_text(path, "früher")
    assert path.read_bytes() == "früher".encode()
    assert list(tmp_path.iterdir()) == [path]

    def write_half(self, text, encoding):
        self.write_bytes(text.encode(encoding)[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", write_half)
        with pytest.raises(OSError, match="No space left"):
            write_text(path, "später")
    assert path.read_bytes() == "früher".encode()
    assert list(tmp_path.iterdir()) == [path]
    with path.open("rb") as reader:  # who reads the old file meanwhile reads it to its end
        write_text(path, "später")
        assert reader.read() == "früher".encode()
    assert path.read_bytes() == "später".encode()
