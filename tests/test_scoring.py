"""The verb score: Apache Beam answers files of rows as `classify --file` does lines, and says what it can't answer."""

import gzip
import json
import random

import pytest

pytest.importorskip("apache_beam", reason="needs the packages of keras-rnn[beam]")

import pyarrow
from pyarrow import parquet

from apps.pipeline import examples, rows
from apps.pipeline.errors import DataError
from apps.pipeline.scoring import as_csv, options_of
from apps.sentiment.__main__ import main
from apps.sentiment.use import load

ONE_PROCESS = ("--runner=FnApiRunner", "--direct_running_mode=in_memory")
WORDS = "a,dull,stale,bad,warm,funny,good,the,film,plot,was,it,and,I,laughed,cried\thours,好,é".split(",")  # noqa: SIM905


def texts(count, seed=1):
    generator = random.Random(seed)
    return [" ".join(generator.choices(WORDS, k=generator.randint(1, 30))) for _ in range(count)]


def lines(folder, start):
    """The objects in a run's files whose names begin so."""
    paths = sorted(folder.glob(f"{start}*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def score(capfd, *arguments):
    """What the command says, from files on."""
    assert main(["score", *map(str, arguments)]) == 0
    return capfd.readouterr().out.splitlines()[-1]


def as_classify(answers):
    """What of the answers `classify --json` prints too, in an order of their own."""
    return sorted(json.dumps({name: each[name] for name in ("input", "answer", "probabilities")}) for each in answers)


def expected(texts):
    model = load()
    found = [model.classify(text) for text in texts]
    return as_classify(
        [{"input": each.text, "answer": each.label, "probabilities": each.probabilities} for each in found]
    )


def test_every_kind_of_file_is_answered_as_classify_does_and_bad_rows_are_told(tmp_path, capfd):
    pyarrow_table = pyarrow.table({"text": [*texts(40, 3), None], "stars": [float(n) for n in range(40)] + [1.0]})
    parquet.write_table(pyarrow_table, tmp_path / "some.parquet")
    (tmp_path / "some.txt").write_text("\n".join([*texts(40, 1), ""]) + "\n", encoding="utf-8")
    objects = [json.dumps({"text": text, "id": number}) for number, text in enumerate(texts(40, 2))]
    bad = ["{", "[1]", '{"id": 3}', '{"text": 5}', '"text"']
    with gzip.open(tmp_path / "some.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join([*objects, *bad]) + "\n")
    with open(tmp_path / "some.csv", "w", encoding="utf-8", newline="") as file:
        file.write("\n".join([as_csv(["id", "text"]), *(as_csv(["7", f"{text}\nand more"]) for text in texts(40, 4))]))
        file.write("\na,b,c\n")
    from apache_beam.io.tfrecordio import _TFRecordUtil

    with open(tmp_path / "some.tfrecord", "wb") as file:
        for record in (*(examples.encode({"text": text}) for text in texts(40, 5)), b"\xff\xff"):
            _TFRecordUtil.write_record(file, record)
    names = ("so*.txt", "some.jsonl.gz", "some.csv", "some.parquet", "some.tfrecord")
    told = score(capfd, *(tmp_path / name for name in names), "--output", tmp_path / "out", *ONE_PROCESS)
    assert told.endswith("201 rows answered, 8 rejected"), told
    answers, rejected = lines(tmp_path / "out", "answers"), lines(tmp_path / "out", "rejected")
    given = [*texts(40, 1), "", *texts(40, 2), *texts(40, 3), *texts(40, 5)]
    given += [f"{text}\nand more" for text in texts(40, 4)]
    assert as_classify(answers) == expected(given)
    assert {each["row"]["id"] for each in answers if each["input"] in texts(40, 2)} == set(range(40))
    reasons = sorted(each["reason"] for each in rejected)
    assert [reason.split(",")[0] for reason in reasons] == [
        "JSONDecodeError (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))",
        "expected 2 fields",
        "expected a field 'text'",
        "expected a text as 'text'",
        "expected a text as 'text'",
        "expected a tf.train.Example",
        "expected an object with the field 'text'",
        "expected an object with the field 'text'",
    ]
    assert {each["row"] for each in rejected} >= {*bad, "['a', 'b', 'c']"}


@pytest.mark.parametrize("form", ["text", "csv", "parquet", "tfrecord"])
def test_answers_are_written_as_asked(form, tmp_path, capfd):
    (tmp_path / "some.txt").write_text("a warm, funny film\ndull and bad\n", encoding="utf-8")
    score(capfd, tmp_path / "some.txt", "--output", tmp_path / "out", "--format", form, *ONE_PROCESS)
    (path,) = (tmp_path / "out").glob("answers*")
    if form == "parquet":
        found = parquet.read_table(path).to_pylist()
    elif form == "tfrecord":
        from apache_beam.io.tfrecordio import _TFRecordUtil

        with open(path, "rb") as file:
            found = [examples.decode(_TFRecordUtil.read_record(file)) for _ in range(2)]
    elif form == "csv":
        import csv

        with open(path, encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
    else:
        assert sorted(path.read_text(encoding="utf-8").splitlines()) == ["negative", "positive"]
        return
    assert {each["input"]: each["answer"] for each in found} == {
        "a warm, funny film": "positive",
        "dull and bad": "negative",
    }
    assert set(json.loads(found[0]["more"])) == {"probabilities"}


@pytest.mark.slow
def test_several_processes_answer_without_anything_that_is_downloaded(tmp_path, capfd):
    (tmp_path / "some.txt").write_text("\n".join(texts(300)), encoding="utf-8")
    assert score(capfd, tmp_path / "some.txt", "--output", tmp_path / "out").endswith("300 rows answered, 0 rejected")
    assert as_classify(lines(tmp_path / "out", "answers")) == expected(texts(300))


def test_what_cannot_be_scored_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"expected files at .*nothing\.txt, got none"):
        rows.expect_files([str(tmp_path / "nothing.txt")])
    with pytest.raises(DataError, match=r"expected files whose names end in \.txt, .* got some\.xlsx"):
        rows.format_of("some.xlsx")
    with pytest.raises(DataError, match="or options of Apache Beam as --name=value, got --runer"):
        options_of(["--runer=FlinkRunner"])
    assert options_of(["--runner=FlinkRunner"]).get_all_options()["runner"] == "FlinkRunner"
    assert options_of([]).get_all_options()["direct_running_mode"] == "multi_processing"


def test_an_example_has_texts_and_numbers():
    record = examples.example_type()()
    record.features.feature["text"].bytes_list.value.append("é".encode())
    record.features.feature["sizes"].int64_list.value.extend([1, -2])
    record.features.feature["share"].float_list.value.append(0.5)
    decoded = examples.decode(record.SerializeToString())
    assert decoded == {"text": "é", "sizes": [1, -2], "share": 0.5}
    tf = pytest.importorskip("tensorflow")
    theirs = tf.train.Example.FromString(examples.encode({"text": "好"}))
    assert theirs.features.feature["text"].bytes_list.value[0].decode() == "好"
