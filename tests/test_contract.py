"""What every app promises, checked for each row of the table of apps."""

import importlib
import json
import re
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf
from app_table import APPS, ARTIFACTS, EVERYTHING, contents, weights_of
from grids import rows_of

from apps.pipeline import command_line, model_card, printing, publishing
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES
from keras_rnn import exporting, exporting_functions, proving

every_app = pytest.mark.parametrize("app", APPS, indirect=True)
MADE_BY = {"model.keras", "results.json", "README.md", "training"}  # `train`, beside the artifacts and the vocabulary
SERVED = {  # the signatures that the README promises: inputs, their types and shapes
    "sentiment": {"text": (tf.string, [None])},
    "mnist_rows": {"image": (tf.float32, [None, 28, 28])},
    "shakespeare": {
        "prompt": (tf.string, [None]),
        "length": (tf.int32, []),
        "temperature": (tf.float32, []),
        "seed": (tf.int32, []),
    },
    "word_reversal": {"word": (tf.string, [None])},
    "chinese_pos": {"text": (tf.string, [None])},
}


@every_app
def test_train_leaves_the_folder_that_is_promised(app, trained):
    artifacts = {FILES[name] for name in ARTIFACTS}
    assert {path.name for path in trained.iterdir()} == artifacts | MADE_BY | {app.beside, *app.also}
    assert {path.name for path in (trained / "training").iterdir()} == {*app.left, "history.png", "logs", "typical.npz"}


@every_app
def test_the_record_is_of_these_very_files(app, trained):
    results = json.loads((trained / "results.json").read_text(encoding="utf-8"))
    command = f"python -m apps.{app.name} train --quick"
    card = (trained / "README.md").read_text(encoding="utf-8")
    assert list(results["artifacts"]) == list(ARTIFACTS)
    for artifact in results["artifacts"].values():
        assert artifact["metric"] == app.metric and artifact["examples"] > 5 and len(artifact["data_sha256"]) == 64
        assert app.learned(artifact["value"])
        found = publishing.fingerprint(trained / artifact["file"])
        assert found == {"bytes": artifact["bytes"], "sha256": artifact["sha256"]}
        assert artifact["command"] == command and model_card.metrics_in_words(artifact) in card
    about = results["training"]
    assert about["command"] == command and about["recipe"].items() >= json_of(app.recipe).items()
    assert tuple(stage["stage"] for stage in about["stages"]) == app.stages
    assert all(stage["epochs"] > 0 and stage["seconds"] >= 0 for stage in about["stages"])
    assert {"tensorflow", "keras"} <= about["versions"].keys() and "hardware" in about


def json_of(recipe):
    """As results.json has the fields of a recipe; the number of batches is decided by the data."""
    plain = {name: vars(value) if hasattr(value, "__dict__") else value for name, value in recipe.items()}
    return json.loads(json.dumps(plain))


@every_app
def test_the_saved_model_needs_tensorflow_only(app, trained, elsewhere):
    """Its signature is the promised one, and a process without any of our packages, or Keras, gets the answers."""
    serve = tf.saved_model.load(str(trained / "1")).signatures["serving_default"]
    specs = serve.structured_input_signature[1]
    assert {name: (spec.dtype, spec.shape.as_list()) for name, spec in specs.items()} == SERVED[app.name]
    found = serve(**{name: tf.constant(value, specs[name].dtype) for name, value in app.serve.items()})
    assert list(found) == [app.output] and found[app.output].shape[0] == len(next(iter(app.serve.values())))
    answers = elsewhere(trained / "1", **app.serve)[app.output]
    if found[app.output].dtype == tf.string:
        assert answers == [text.decode() for text in found[app.output].numpy()]
    else:
        np.testing.assert_allclose(answers, found[app.output], atol=1e-6)


@every_app
def test_eight_threads_share_a_saved_model(app, trained, load_once):
    """And get the answers that one gets: TensorFlow runs a signature for many threads side by side."""
    serve = load_once(str(trained / "1")).signatures["serving_default"]
    specs = serve.structured_input_signature[1]
    batches = {name: value for name, value in app.serve.items() if isinstance(value, list)}
    rows = [{name: [value[n]] for name, value in batches.items()} for n in range(len(next(iter(batches.values()))))]
    given = [{name: tf.constant((app.serve | row)[name], specs[name].dtype) for name in app.serve} for row in rows]
    expected = [serve(**each)[app.output].numpy() for each in given]

    def work(_):
        return [serve(**each)[app.output].numpy() for _ in range(3) for each in given]

    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(work, range(8)):
            for one, other in zip(found, expected * 3, strict=True):
                np.testing.assert_array_equal(one, other)


@every_app
def test_evaluate_prints_and_changes_nothing(app, trained, data, capfd):
    before = contents(trained)
    flags = ("evaluate", "--data", data[-1], "--model", trained, "--artifact", "litert")
    assert app.run(*flags, "--json") == 0
    (line,) = capfd.readouterr().out.splitlines()
    figures = json.loads(line)
    assert (figures["artifact"], figures["metric"]) == ("litert", app.metric) and app.learned(figures["value"])
    if app.name != "shakespeare":  # which measures what chose the epoch too when it trains
        measured = publishing.read_results(trained)["artifacts"]["litert"]
        assert (figures["examples"], figures["value"]) == (measured["examples"], measured["value"])  # what was held out
    assert app.run(*flags) == 0
    assert capfd.readouterr().out.startswith(model_card.in_words(figures))
    assert contents(trained) == before


@every_app
def test_evaluate_records_one_artifact(app, copy, data, capfd):
    before = publishing.read_results(copy)
    flags = ("evaluate", "--data", data[-1], "--model", copy, "--artifact", "litert", "--record", "--all")
    assert app.run(*flags) == 0
    after = publishing.read_results(copy)
    entry = after["artifacts"]["litert"]
    assert entry["examples"] != before["artifacts"]["litert"]["examples"] or app.name == "word_reversal"
    words = f"evaluate --artifact litert --model {copy} --all --data {data[-1]}"
    assert entry["command"] == f"python -m apps.{app.name} {words}"
    row = f"{model_card.metrics_in_words(entry)} | {entry['examples']:,} | `{entry['command']}` |"
    assert row in (copy / "README.md").read_text(encoding="utf-8")
    after["artifacts"]["litert"] = before["artifacts"]["litert"]
    assert after == before
    (copy / "results.json").unlink()
    assert app.fails(capfd, *flags).startswith("expected a results.json that lists litert in ")


def unread(*arguments):
    raise DataError("expected nothing of the data, got a call")


@pytest.mark.slow
@every_app
def test_a_trained_model_is_exported_again(app, trained, data, tmp_path, capfd):
    """In all formats: what answers as before, and others that have learnt what these have. Neither the app's corpus nor
    the user's data is read again: they are proven with what train kept."""
    folder = tmp_path / "exported"
    with app.writing(EVERYTHING[app.name]):
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(app.part(), "load_data", unread)
            assert app.run("export", trained / "model.keras", "--output", folder) == 0
        said = capfd.readouterr().out
        assert "are written; `evaluate --record` measures them" in said
        # Rounding moves the answers of a network as small as sentiment's by up to two thirds: that file is left out.
        left_out = {
            name for name in EVERYTHING[app.name] if f"{FILES[name]} is left out: expected {name} to give" in said
        }
        assert left_out <= {"litert_full_int8"}
        written = tuple(name for name in EVERYTHING[app.name] if name not in left_out)
        names = {*(FILES[name] for name in written), app.beside, *app.also, "results.json", "README.md"}
        assert {path.name for path in folder.iterdir()} == names
        results = publishing.read_results(folder)
        assert results["training"] == publishing.read_results(trained)["training"]
        assert not any("value" in artifact for artifact in results["artifacts"].values())
        for artifact in written:
            flags = ("--artifact", artifact, "--model", folder, "--data", data[-1], "--record")
            assert app.run("evaluate", *flags) == 0
    assert (folder / app.beside).read_bytes() == (trained / app.beside).read_bytes()
    load = importlib.import_module(f"apps.{app.name}").load
    answers = [
        repr(getattr(load(each), app.method or app.verb)(app.question(data), **app.options))
        for each in (folder, trained)
    ]
    assert answers[0] == answers[1]
    figures = {name: entry["value"] for name, entry in publishing.read_results(folder)["artifacts"].items()}
    assert tuple(figures) == written and all(app.learned(value) for value in figures.values())
    assert figures["litert"] == pytest.approx(figures["saved_model"], abs=1e-5)


@pytest.mark.parametrize("app", rows_of([*APPS], lambda app: app == "shakespeare"), indirect=True)  # built soonest
def test_no_file_goes_past_the_proof(app, trained, data, tmp_path, monkeypatch):
    """Whatever the app writes, keras_rnn writes and proves: nothing else does."""
    written = []

    def write(name, path, *_, **__):
        written.append((name, path.name))
        return proving.Exported(path, 0, (), 0.0)

    for module in (exporting, exporting_functions):
        monkeypatch.setattr(module, "write", write)
    with app.writing(EVERYTHING[app.name]):
        assert app.run("export", trained / "model.keras", "--data", *data, "--output", tmp_path / "out") == 0
    assert sorted(written) == sorted((name, FILES[name]) for name in EVERYTHING[app.name])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {app.beside, *app.also, "results.json", "README.md"}


@every_app
def test_export_without_what_train_kept(app, copy, tmp_path, monkeypatch, capfd):
    """Reads the data again, or proves with random inputs where any will do."""
    monkeypatch.setattr(app.part(), "load_data", unread)
    command = ("export", copy / "model.keras", "--output", tmp_path / "out")
    (copy / "training" / "typical.npz").unlink()
    if app.name in ("sentiment", "mnist_rows", "chinese_pos"):
        assert app.fails(capfd, *command) == "expected nothing of the data, got a call"
        assert app.fails(capfd, *command, "--data", copy) == "expected nothing of the data, got a call"
    else:
        with app.writing(("saved_model", "litert")):
            assert app.run(*command) == 0
        assert (tmp_path / "out" / "1").exists()


@every_app
def test_what_export_refuses(app, trained, copy, tmp_path, capfd):
    output = ("--output", tmp_path / "out")
    for nothing in (tmp_path / "none.keras", copy):
        assert "got no file" in app.fails(capfd, "export", nothing, *output)
    whole = (trained / "model.keras").read_bytes()
    (copy / "model.keras").write_bytes(whole[: len(whole) // 2])
    assert "model.keras as `train` wrote it, by the SHA-256" in app.fails(
        capfd, "export", copy / "model.keras", *output
    )
    (copy / "own.keras").write_bytes(whole[: len(whole) // 2])  # a name of one's own: nothing tells how it was
    assert "got a damaged file (" in app.fails(capfd, "export", copy / "own.keras", *output)
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)], name="other").save(copy / "own.keras")
    sentence = app.fails(capfd, "export", copy / "own.keras", *output)
    assert sentence.startswith(f"expected a trained {app.name} model and the files it was trained with in ")
    (copy / "model.keras").write_bytes(whole)
    (copy / "training" / "typical.npz").write_bytes(b"damaged")
    assert "typical.npz as it was written" in app.fails(capfd, "export", copy / "model.keras", *output)
    (copy / app.beside).unlink()
    assert f"got no {app.beside} there" in app.fails(capfd, "export", copy / "model.keras", *output)
    assert not (tmp_path / "out").exists()


@every_app
def test_a_finished_run_is_taken_up_where_it_ended(app, trained, copy, data, monkeypatch, capfd):
    """Nothing is learned again; other settings are refused, and nothing is written then."""

    def stop(*_, **__):
        raise KeyboardInterrupt

    flags = ("train", "--quick", "--data", *data, "--output", copy, "--resume")
    (copy / "model.keras").unlink()
    monkeypatch.setattr(keras.Model, "fit", lambda *_, **__: pytest.fail("learned again"))
    monkeypatch.setattr(app.part("artifacts"), "write", stop)
    assert app.run(*flags) == 130
    assert capfd.readouterr().err.endswith("stopped; what was finished is kept\n")
    for ours, theirs in zip(weights_of(copy), weights_of(trained), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    before = contents(copy)
    for flag in ("--seed", "--batch-size"):
        sentence = app.fails(capfd, *flags, flag, 5)
        assert sentence.startswith("expected the settings of the run to resume (")
    assert contents(copy) == before


@pytest.mark.slow
@pytest.mark.parametrize("app", [name for name in APPS if name not in ("sentiment", "mnist_rows")], indirect=True)
def test_training_goes_on_from_another_model(app, trained, data, tmp_path, capfd):
    """One more epoch of a model that knows the answers, and knows them still. Those two have files of their own."""
    flags = ("--data", *data, "--start-from", trained, "--output", tmp_path / "on", "--epochs", 1, "--quick")
    with app.writing(("saved_model", "litert")):
        assert app.run("train", *flags) == 0
    results = publishing.read_results(tmp_path / "on")
    assert results["training"]["recipe"]["started_from"] == publishing.hashes(publishing.read_results(trained))["1"]
    assert app.learned(results["artifacts"]["litert"]["value"])
    nowhere = ("--start-from", tmp_path, "--output", tmp_path / "other")
    assert "to start from, got no SavedModel there" in app.fails(capfd, "train", *flags, *nowhere)


@every_app
def test_what_train_refuses(app, data, tmp_path, capfd, monkeypatch):
    flags = ("train", "--quick", "--data")
    sentence = app.fails(capfd, *flags, tmp_path / "none", "--output", tmp_path / "out")
    assert str(tmp_path / "none") in sentence and not contents(tmp_path)
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in app.fails(capfd, *flags, *data, "--output", tmp_path / "file" / "below")
    monkeypatch.setattr(command_line.importlib.util, "find_spec", lambda _: None)
    assert app.fails(capfd, "train").startswith("expected the packages to train with, got no ")


@every_app
def test_a_folder_that_is_damaged_or_not_whole(app, copy, data, tmp_path, capfd):
    ask = (app.verb, "--model", copy, *app.ask(data))
    assert f"got no {app.beside} there" in app.fails(capfd, app.verb, "--model", tmp_path, *app.ask(data))
    for name in ("model.tflite", "model_int8.tflite"):  # one of the two answers
        (copy / name).write_bytes(b"damaged")
    assert ".tflite as it was written" in app.fails(capfd, *ask)
    (copy / "results.json").unlink()  # nothing tells how it was written
    sentence = app.fails(capfd, *ask)
    assert sentence.startswith("expected a LiteRT model in ") and "got a damaged file" in sentence
    (copy / "model.tflite").unlink()
    assert "got no model.tflite there" in app.fails(capfd, *ask)
    (copy / "1" / "saved_model.pb").unlink()
    sentence = app.fails(capfd, "evaluate", "--data", data[-1], "--model", copy)
    assert sentence.startswith("expected a SavedModel in ")
    (copy / app.beside).write_text("{")
    assert app.fails(capfd, *ask).startswith("expected ") and str(copy / app.beside) in app.fails(capfd, *ask)


@every_app
def test_without_a_verb_the_shipped_model_is_shown(app, trained, data, tmp_path, capfd, monkeypatch):
    (tmp_path / app.name).symlink_to(trained)
    monkeypatch.setattr(publishing, "SHIPPED", tmp_path)
    assert app.run(app.verb, *app.ask(data)) == 0
    assert capfd.readouterr().out.split("%")[0].strip().startswith(app.answer)
    assert app.run() == 0
    *shown, more = capfd.readouterr().out.strip().splitlines()
    assert len(shown) >= 3
    start, verbs, end = re.fullmatch(r"(.*) VERB, with one of (.*); (.*)", more).groups()
    assert (start, end) == (f"python -m apps.{app.name}", "--help tells more")
    assert {"train", "evaluate", "export", app.verb} <= set(verbs.split(", "))
    monkeypatch.setattr(publishing, "SHIPPED", tmp_path / "none")
    assert app.fails(capfd).startswith("expected a trained model in ")


@every_app
def test_the_python_door(app, trained, data, capfd):
    """One question or many, answered by the dataclass that the command line prints."""
    answer = getattr(importlib.import_module(f"apps.{app.name}").load(trained), app.method or app.verb)
    question = app.question(data)
    found = answer(question, **app.options)
    assert [repr(each) for each in answer([question, question], **app.options)] == [repr(found)] * 2
    assert app.run(app.verb, "--model", trained, "--json", *app.ask(data)) == 0
    printed = json.loads(capfd.readouterr().out)
    assert list(printed)[:2] == ["input", "answer"] and printed["answer"]
    if app.name == "chinese_pos":  # its answer is of words, whose places stand in the input
        words = [word for sentence in found.sentences for word in sentence]
        assert [(word["start"], word["end"], word["tag"]) for word in printed["answer"]] == [*map(tuple, words)]
    elif app.name != "shakespeare":  # whose method in Python is asked with other options
        assert printed == json.loads(printing.json_line(printing.as_object(found)))
