"""What the benchmarks compare is the same, and what they write is what they measured."""

import dataclasses
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from grids import slow_unless

import keras_rnn
from benchmarks import __main__, apps, exported, generation, imdb, layers, lengths, litert, paths, tables, timing


def test_calls_take_turns_and_the_median_is_of_the_calls_after_the_warm_up(monkeypatch):
    turns = []
    clock = iter(range(10_000))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    medians, repeats = timing.interleaved({name: lambda n=name: turns.append(n) for name in "ab"}, repeats=3)
    assert turns == list("ab" * 5)
    assert repeats == 3
    assert medians == {"a": 1000, "b": 1000}


def test_a_case_that_takes_too_long_is_measured_less_often(monkeypatch):
    clock = iter(range(0, 1_000_000, 100))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    assert timing.interleaved({"a": lambda: None}, repeats=20, least=4, budget=1)[1] == 4


def test_geometric_mean():
    assert math.isclose(timing.geometric_mean([1, 4]), 2)


@pytest.mark.parametrize(
    ("layer", "around"),
    [
        ("LSTM", ""),
        slow_unless(False, "GRU", "bidirectional"),
        slow_unless(False, "SimpleRNN", "two layers"),
    ],
)
def test_our_network_and_the_twin_give_the_same_numbers(layer, around):
    case = layers.Case(layer, (2, 3, 4, 5), around)
    inputs = tf.random.normal((2, 3, 4))
    ours, twin = (layers.steps_of(layers.made(case, module), inputs) for module in (keras_rnn, keras.layers))
    for what in ("training", "inference"):
        np.testing.assert_allclose(ours[what](), twin[what](), atol=1e-5)


def test_the_path_is_read_from_the_graph():
    small, large = layers.Case("LSTM", (2, 9, 3, 4)), layers.Case("LSTM", (600, 9, 3, 4))
    assert layers.path_of(small, "training") == "XLA"
    assert layers.path_of(large, "training") == "blocks"
    assert layers.path_of(small, "inference") == "XLA"
    assert layers.path_of(large, "inference") == "blocks"


def test_memory_is_that_of_the_process_and_not_of_the_one_that_starts_it():
    ballast = np.ones(60_000_000)  # 480 MB here
    seconds, megabytes = timing.process(["-c", "import time; time.sleep(0.2); text = bytearray(50 << 20)"])
    assert ballast.nbytes > 400e6
    assert 50 < megabytes < 200
    assert seconds > 0.2
    with pytest.raises(RuntimeError, match="expected -c exit\\(3\\) to end with 0, got 3"):
        timing.process(["-c", "exit(3)"])


def test_a_run_writes_a_table_json_and_a_chart(tmp_path, monkeypatch):
    monkeypatch.setattr(layers, "GRID", [layers.Case("SimpleRNN", (1, 3, 2, 2)), layers.Case("GRU", (1, 3, 2, 2))])
    monkeypatch.setattr(layers, "steps_of_torch", lambda *_: {})
    assert __main__.main(["layers", "--output", str(tmp_path), "--repeats", "2", "--only", "SimpleRNN"]) == 0
    results = json.loads((tmp_path / "layers.json").read_text(encoding="utf-8"))
    assert [row["what"] for row in results["rows"]] == ["training", "inference"]
    assert "tensorflow" in results["machine"]
    row = results["rows"][0]
    table = (tmp_path / "layers.md").read_text(encoding="utf-8")
    ratio = row["milliseconds"]["keras"] / row["milliseconds"]["ours"]
    milliseconds = [f"{row['milliseconds'][maker]:.2f}" for maker in ("ours", "keras")]
    assert f"| {' | '.join(milliseconds)} | {ratio:.2f} | 2 | XLA |" in table
    assert "PyTorch isn't installed" in table
    assert (tmp_path / "layers.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_new_lengths_and_models_are_told(capsys, monkeypatch):
    """In processes of their own: a figure for each maker."""
    monkeypatch.setattr(lengths, "MAKERS", {"ours": keras_rnn})
    found = lengths.measured({"inference": 2})
    assert found.keys() == {"inference"} and found["inference"]["ours"] > 0
    monkeypatch.undo()
    monkeypatch.setattr(lengths, "WARM", 0)
    assert all(np.isfinite(lengths.figure("keras", what, 1)) for what in lengths.TEXT)
    text = lengths.markdown({"training": {"ours": 2.0, "keras": 3.0}})
    assert text == "Seconds of training steps at 30 lengths in turn: ours 2.0, keras.layers 3.0 (keras / ours 1.50)."
    lengths.main(["ours", "training", "1"])
    assert float(capsys.readouterr().out) > 0


def test_paths_are_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "SHAPES", [(2, 5, 3, 4)])
    assert __main__.main(["paths", "--output", str(tmp_path), "--repeats", "1", "--only", "GRU"]) == 0
    rows = json.loads((tmp_path / "paths.json").read_text(encoding="utf-8"))["rows"]
    assert [(row["what"], row["taken"], row["numbers"]) for row in rows] == [
        ("training", "XLA", 8),
        ("inference", "XLA", 8),
    ]
    assert all(row["milliseconds"].keys() == {"XLA", "blocks", "one block"} for row in rows)
    row = paths.Row("a", "training", 8, "XLA", 1, {"XLA": 2.0, "blocks": 1.9, "one block": 3.0})
    assert not row.loses() and dataclasses.replace(row, taken="one block").loses()


@pytest.mark.slow
def test_exported_files_are_compared(tmp_path, monkeypatch):
    small = layers.Case("LSTM", (2, 6, 3, 4), "bidirectional")
    monkeypatch.setattr(exported, "GRID", [exported.Case(small), exported.Case(small, masked=True)])
    assert __main__.main(["exported", "--output", str(tmp_path), "--repeats", "1"]) == 0
    rows = json.loads((tmp_path / "exported.json").read_text(encoding="utf-8"))["rows"]
    assert [row["milliseconds"].keys() >= {"ours", "keras", "onnx"} for row in rows] == [True, True]
    assert "torch" not in rows[1]["milliseconds"]
    assert "masked" in (tmp_path / "exported.md").read_text(encoding="utf-8")


def test_litert_is_written(tmp_path, monkeypatch):
    rows = [litert.Row("all", "float32", 10, way, 2.0) for way in litert.WAYS]
    monkeypatch.setattr(litert, "all_rows", lambda repeats: rows)
    assert __main__.main(["litert", "--output", str(tmp_path)]) == 0
    assert "| 10 | 2.000 | 2.000 | 2.000 | 2.000 |" in (tmp_path / "litert.md").read_text(encoding="utf-8")
    assert (tmp_path / "litert.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("name", apps.APPS)
def test_an_app_trains_and_answers_with_made_up_examples(name, monkeypatch):
    monkeypatch.setattr(apps, "TRAINED_BATCHES", 1)
    monkeypatch.setattr(apps, "SERVED_BATCHES", 1)
    app = apps.APPS[name]
    twin = apps.with_layers_of("keras", app.build)
    ours = apps.with_layers_of("ours", app.build)
    for one, other in zip(ours.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    recurrent = [[layer for layer in m._flatten_layers() if isinstance(layer, keras.layers.RNN)] for m in (ours, twin)]
    assert {type(layer).__module__.split(".")[0] for layer in recurrent[0]} == {"keras_rnn"}
    assert {type(layer).__module__.split(".")[0] for layer in recurrent[1]} == {"keras"}
    batches = app.batches(app.batch_size, np.random.default_rng(0))
    assert [len(keras.tree.flatten(inputs)[0]) for inputs, *_ in batches] == [app.batch_size]
    if name not in ("mnist_rows", "word_reversal"):  # one of each kind is trained: of known shapes, and of any
        return
    assert all(np.isfinite(call().history["loss"]).all() for call in apps.trainings(app).values())
    answers = apps.inferences(name, app)
    assert bool(answers) == (app.requests is not None) == (name == "mnist_rows")
    for answer, examples in answers.values():
        assert len(answer()) and 8 <= examples <= app.batch_size


def test_the_table_of_the_apps():
    trained, answered = (
        {"ours": 30.0, "keras": 20.0},
        {"saved_model": 8.0, "keras predict": 4.0, "litert, one thread": 5.0},
    )
    row = apps.Row("sentiment", "reviews", trained, answered, 0.4, 70)
    assert "| sentiment: reviews | 30 | 20 | 1.50 | 8 | 4 | 2.00 | 5 | 0.40 | 70 |" in apps.markdown([row])
    row = apps.Row("shakespeare", "windows", trained, {}, 0.4, 70)
    assert "| shakespeare: windows | 30 | 20 | 1.50 | - | - | - | - | 0.40 | 70 |" in apps.markdown([row])


def test_the_turns_are_the_epochs(monkeypatch):
    monkeypatch.setattr(imdb, "BATCHES", 2)
    rows = [np.arange(2, 2 + n, dtype=np.int32) for n in range(1, 9)]
    whole = imdb.learning.text_batches((rows, np.arange(8) % 2), 2, 0.0, 0, shuffle=True)
    turns = imdb.InTurns(whole)
    seen = []
    for turns.epoch in range(4):
        assert len(turns) == 2
        seen.append([tuple(ids[:, 0] * 0 + (ids > 0).sum(1)) for ids, _ in turns])
    for epoch in (seen[:2], seen[2:]):
        assert sorted(length for turn in epoch for batch in turn for length in batch) == list(range(1, 9))


@pytest.mark.slow
def test_both_makers_are_trained_until_they_reach_the_target(tmp_path, monkeypatch):
    monkeypatch.setattr(imdb, "BATCHES", 2)
    monkeypatch.setattr(imdb, "TURNS", 2)
    monkeypatch.setattr(imdb, "TARGET", 2.0)
    monkeypatch.setitem(imdb.sentiment.QUICK, "units", 3)
    rows, labels = [np.array([2 + n % 2] * 5, np.int32) for n in range(256)], np.arange(256) % 2
    found = imdb.curves((rows, labels), (rows[:64], labels[:64]), 9, tmp_path)
    assert all(len(curve["accuracy"]) == 2 for curve in found.values())
    assert all(0 < curve["seconds"][0] < curve["seconds"][1] for curve in found.values())
    np.testing.assert_allclose(found["ours"]["accuracy"], found["keras"]["accuracy"], atol=0.02)


def test_the_seconds_to_an_accuracy():
    found = {"ours": {"seconds": [5.0, 9.0], "accuracy": [0.5, 0.89]}}
    assert imdb.seconds_to(found["ours"], 0.88) == 9
    assert imdb.seconds_to(found["ours"], 0.9) is None
    found["keras"] = {"seconds": [10.0, 18.0], "accuracy": [0.5, 0.89]}
    assert "keras / ours: 2.00" in imdb.markdown(found)
    assert "not reached" in imdb.markdown({"ours": {"seconds": [5.0], "accuracy": [0.5]}})


def test_several_verbs_run_in_processes_of_their_own(monkeypatch):
    started = []
    monkeypatch.setattr(__main__.subprocess, "run", lambda words, check: started.append(words[3:5]))
    assert __main__.main(["--only", "x"]) == 0
    assert started == [
        ["layers", "--output=benchmarks/results"],
        ["litert", "--output=benchmarks/results"],
        ["apps", "--output=benchmarks/results"],
        ["generation", "--output=benchmarks/results"],
    ]


def test_a_table():
    assert tables.table(["a", "b"], [["c", "1"]]) == "| a | b |\n| --- | ---: |\n| c | 1 |"


def test_an_unknown_verb_is_refused_in_one_sentence(capsys):
    with pytest.raises(SystemExit) as stop:
        __main__.main(["layer"])
    assert stop.value.code == 2
    assert (
        "expected layers, exported, paths, litert, apps, generation, devices, workers, few_reviews, imdb, got 'layer'"
        in capsys.readouterr().err
    )


@pytest.mark.slow
def test_every_way_of_generating_writes_the_length_that_was_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(generation, "LENGTH", 12)
    texts = {way: write() for way, write in generation.ways().items()}
    assert all(
        text.startswith(generation.PROMPT) and len(text) == len(generation.PROMPT) + 12 for text in texts.values()
    )
    assert texts["LiteRT, one thread"] == texts["SavedModel, batch 1"]
    generation.run(tmp_path, repeats=5, budget=1, only="")
    results = json.loads((tmp_path / "generation.json").read_text(encoding="utf-8"))
    assert results["characters_a_second"].keys() == texts.keys()
    rate = results["characters_a_second"]["LiteRT, one thread"]
    assert f"| LiteRT, one thread | {rate:,.0f} |" in (tmp_path / "generation.md").read_text(encoding="utf-8")
