"""The novel: downloaded, checked, kept; and the letters of a text."""

import hashlib
import io
import urllib.error

import pytest

from apps.corpora import time_machine
from apps.pipeline.errors import DataError

TEXT = "The Time Machine [1898]\n\nI\n\nThe Time Traveller's 3 words,\r\nno more.\n"


@pytest.fixture
def official_place(tmp_path, monkeypatch):
    """TEXT at the official place, and an empty folder to keep it in; -> how often it was asked for."""
    asked = []

    def urlopen(address, timeout):
        asked.append(address)
        return io.BytesIO(TEXT.encode())

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(time_machine.urllib.request, "urlopen", urlopen)
    monkeypatch.setattr(time_machine, "_SHA256", hashlib.sha256(TEXT.encode()).hexdigest())
    return asked


def test_it_is_downloaded_once_and_kept(official_place, tmp_path):
    assert time_machine.the_time_machine() == TEXT
    assert time_machine.the_time_machine() == TEXT
    assert len(official_place) == 1 and official_place[0].endswith("/timemachine.txt")
    assert [path.name for path in tmp_path.rglob("*.*")] == ["timemachine.txt"]


def test_another_text_is_refused(official_place, tmp_path, monkeypatch):
    time_machine.the_time_machine()
    (tmp_path / "time_machine" / "timemachine.txt").write_text("The War of the Worlds")
    with pytest.raises(DataError, match=r"expected The Time Machine in .*timemachine.txt, got another text: delete it"):
        time_machine.the_time_machine()


def test_without_a_network_one_sentence_says_what_to_do(official_place, tmp_path, monkeypatch):
    def urlopen(address, timeout):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(time_machine.urllib.request, "urlopen", urlopen)
    with pytest.raises(
        DataError, match=r"expected The Time Machine in .*URLError.*copy it there, or pass .* --data"
    ) as e:
        time_machine.the_time_machine()
    assert "\n" not in str(e.value)
    assert list(tmp_path.iterdir()) == []


def test_another_text_at_the_official_place_is_not_kept(official_place, tmp_path, monkeypatch):
    monkeypatch.setattr(time_machine, "_SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"expected The Time Machine at http.*, got another text of 68 bytes"):
        time_machine.the_time_machine()
    assert list(tmp_path.iterdir()) == []


def test_letters(official_place, tmp_path):
    everything = "the time machine i the time traveller s words no more "
    assert time_machine.letters(len(everything), None) == everything
    assert time_machine.letters(8, None) == "the time"
    with pytest.raises(DataError, match=f"expected a text of {len(everything) + 1} letters .*, got {len(everything)}"):
        time_machine.letters(len(everything) + 1, None)
    path = tmp_path / "mine.txt"
    path.write_bytes("  Ünder Über".encode("utf-16"))
    assert time_machine.letters(9, path) == " nder ber"
    assert len(official_place) == 1  # not for one's own text


def test_the_real_address_and_hash():
    assert time_machine._TIME_MACHINE.startswith("https://") and len(time_machine._SHA256) == 64
