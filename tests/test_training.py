"""The training loop: batches, optimizer, and what a cut, stopped or damaged run leaves."""

import errno
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.pipeline import training
from apps.pipeline.batches import Batches, grouped_by_length
from apps.pipeline.checkpoints import Checkpoints, read_arrays
from apps.pipeline.errors import DataError
from apps.pipeline.training import AdamW, cosine_with_warm_up, fit
from apps.sentiment.learning import accuracy

SETTINGS = {"seed": 3, "words": 20}


class Killed(RuntimeError):
    """The process ends here."""


def test_cosine_with_warm_up():
    rate = cosine_with_warm_up(0.5, 100)
    values = [float(rate(step)) for step in (0, 5, 10, 55, 100, 200)]
    np.testing.assert_allclose(values, [0.0, 0.25, 0.5, 0.25, 0.0, 0.0], atol=1e-7)
    assert 0.25 < float(rate(40)) < 0.5
    assert float(cosine_with_warm_up(0.5, 1)(0)) == 0.0
    assert float(cosine_with_warm_up(0.5, 200, 0.05)(10)) == 0.5


def after_steps(optimizer, steps=1):
    """The variables "a/embedding", "b/bidirectional" and "c/dense" after `steps` steps from 0."""
    with keras.name_scope("model"):
        variables = [keras.Variable(np.zeros(4, np.float32), name=name) for name in ("embedding", "lstm", "dense")]
    generator = np.random.default_rng(8)
    for _ in range(steps):
        gradients = [tf.constant(generator.normal(size=4), tf.float32) for _ in variables]
        optimizer.apply(gradients, variables)
    return [variable.numpy() for variable in variables]


@pytest.mark.parametrize("rate", [0.01, cosine_with_warm_up(0.01, 20)])
def test_adamw_factors(rate):
    options = {"weight_decay": 0.0, "global_clipnorm": 1.0}
    plain = after_steps(keras.optimizers.AdamW(rate, **options), 2)
    same = after_steps(AdamW(rate, **options), 2)
    np.testing.assert_array_equal(plain, same)
    assert np.all(np.array(plain) != 0.0)
    embedding, lstm, dense = after_steps(AdamW(rate, **options, factors={"embedding": 0.5, "lstm": 0.25}), 2)
    np.testing.assert_array_equal(embedding, 0.5 * plain[0])
    np.testing.assert_array_equal(lstm, 0.25 * plain[1])
    np.testing.assert_array_equal(dense, plain[2])
    first_counts = after_steps(AdamW(rate, **options, factors={"model": 1.0, "lstm": 0.25}), 2)
    np.testing.assert_array_equal(first_counts, plain)


def test_adamw_round_trip(tmp_path):
    factors = {"embedding": 0.5, "lstm": 0.7}
    optimizer = AdamW(cosine_with_warm_up(0.01, 20), weight_decay=0.02, factors=factors)
    again = keras.optimizers.deserialize(json.loads(json.dumps(keras.optimizers.serialize(optimizer))))
    assert isinstance(again, AdamW) and again.factors == factors and again.get_config() == optimizer.get_config()
    np.testing.assert_array_equal(after_steps(again, 3), after_steps(optimizer, 3))

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="lstm")])
    model.compile(AdamW(0.01, factors=factors), "mse", metrics=[accuracy])
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").optimizer.factors == factors


def problem(seed=0):
    """A model with dropout, a moving average and rates of its own, and batches of points to learn."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(16, activation="tanh", name="first"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(8, activation="tanh", name="second"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(1),
        ]
    )
    optimizer = AdamW(
        cosine_with_warm_up(0.02, 28), weight_decay=0.01, use_ema=True, ema_momentum=0.9, factors={"first": 0.5}
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=[accuracy], jit_compile=False)
    points = np.random.default_rng(1).normal(size=(70, 6)).astype(np.float32)
    labels = (points[:, :1] * points[:, 1:2] > 0).astype(np.float32)

    def assemble(indices, generator):
        return points[indices] + generator.normal(scale=0.1, size=(len(indices), 6)), labels[indices]

    signature = (tf.TensorSpec((None, 6), tf.float32), tf.TensorSpec((None, 1), tf.float32))
    batches = Batches(grouped_by_length(np.ones(50), 8, True), lambda i, g: assemble(i, g), signature, seed=4)
    validation = Batches(
        grouped_by_length(np.ones(20), 8, False), lambda i, _: (points[50 + i], labels[50 + i]), signature
    )
    return model, batches, validation


def run(checkpoint, epochs=4, seed=0, **options):
    model, batches, validation = problem(seed)
    fitted = fit(model, batches, validation, checkpoint, epochs=epochs, settings=SETTINGS, patience=9, **options)
    return model, fitted


def cut(monkeypatch, error, epoch, step=None):
    """Raises `error` after the epoch's checkpoint is written, or after a step of that epoch."""
    save = Checkpoints.save

    def save_and_stop(self):
        save(self)
        if step is None and len(self.history) == epoch:
            raise error

    def stop(self, batch, logs=None):
        if step == batch and len(self.history) == epoch - 1:
            raise error

    monkeypatch.setattr(Checkpoints, "save", save_and_stop)
    monkeypatch.setattr(Checkpoints, "on_train_batch_end", stop)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of 4 epochs that nothing cut: (model, Fitted, the arrays of its checkpoint)."""
    path = tmp_path_factory.mktemp("whole") / "checkpoint.npz"
    model, fitted = run(path)
    return model, fitted, read_arrays(path, SETTINGS)[0]


@pytest.mark.parametrize(
    ("epoch", "step"),
    [pytest.param(2, None, marks=pytest.mark.slow, id="after epoch 2"), pytest.param(3, 4, id="in epoch 3")],
)
def test_a_resumed_run_equals_one_that_was_not_cut(tmp_path, whole, epoch, step):
    """Weights, optimizer, moving average, dropout, best epoch and history, to the last bit."""
    path = tmp_path / "checkpoint.npz"
    with pytest.MonkeyPatch.context() as monkeypatch:
        cut(monkeypatch, Killed(), epoch, step)
        with pytest.raises(Killed):
            run(path)
    model, fitted = run(path, resume=True, seed=99)
    reference, without_cut, arrays = whole
    assert fitted.history == without_cut.history and len(fitted.history) == 4
    assert not fitted.interrupted
    for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    resumed, _ = read_arrays(path, SETTINGS)
    assert resumed.keys() == arrays.keys()
    assert any(key.startswith("best_") for key in arrays)
    for name in arrays:
        np.testing.assert_array_equal(resumed[name], arrays[name], err_msg=name)


def test_the_moving_average_is_what_validation_sees_and_what_is_kept(whole):
    model, fitted, arrays = whole
    best = max(fitted.history, key=lambda logs: -logs["val_loss"])
    _, _, validation = problem()
    measured = model.evaluate(validation.dataset(), verbose=0, return_dict=True)
    assert measured["loss"] == pytest.approx(best["val_loss"], rel=1e-6)
    assert not np.array_equal(arrays["variable_0"], arrays["best_0"])


def test_logs_for_tensorboard(tmp_path):
    run(tmp_path / "checkpoint.npz", epochs=1, log_folder=tmp_path / "logs")
    assert {path.parent.name for path in (tmp_path / "logs").rglob("*tfevents*")} == {"train", "validation"}


def passing_by(checkpoint, **options):
    """A weight that climbs from 0 towards 10, one step an epoch, while validation wants 3.

    After the epochs: 1, 1.9, 2.71, 3.439, 4.0951, ... so the third is the best.
    """
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.05), "mse", jit_compile=False)
    signature = (tf.TensorSpec((None, 1), tf.float32),) * 2
    batches, validation = (
        Batches(lambda _: [np.arange(2)], lambda *_, to=to: (np.ones((2, 1)), np.full((2, 1), to)), signature)
        for to in (10.0, 3.0)
    )
    fitted = fit(model, batches, validation, checkpoint, settings=SETTINGS, **options)
    return float(model.get_weights()[0][0, 0]), fitted


def test_the_best_weights_are_kept_and_training_stops(tmp_path):
    weight, fitted = passing_by(tmp_path / "a.npz", epochs=20, patience=2)
    assert weight == pytest.approx(2.71, rel=1e-5)
    assert [logs["val_loss"] for logs in fitted.history] == pytest.approx(
        [(3 - value) ** 2 for value in (1.0, 1.9, 2.71, 3.439, 4.0951)], rel=1e-4
    )
    assert fitted.kept is fitted.history[2]
    weight, fitted = passing_by(tmp_path / "b.npz", epochs=20, patience=4)
    assert weight == pytest.approx(2.71, rel=1e-5) and len(fitted.history) == 7
    weight, fitted = passing_by(tmp_path / "c.npz", epochs=4, patience=9)
    assert weight == pytest.approx(2.71, rel=1e-5) and len(fitted.history) == 4


def test_without_resume_a_run_starts_again(tmp_path):
    path = tmp_path / "a.npz"
    _, first = passing_by(path, epochs=1)
    _, again = passing_by(path, epochs=1, resume=True)
    assert again.seconds == first.seconds > 0.0 and again.history == first.history
    _, second = passing_by(path, epochs=2, resume=True)
    assert second.seconds > first.seconds and second.history[0] == first.history[0]
    _, fresh = passing_by(path, epochs=2)
    assert fresh.history == second.history and fresh.seconds != second.seconds
    weight, fresh = passing_by(path, epochs=1)
    assert len(fresh.history) == 1 and weight == pytest.approx(1.0)


def test_patience_goes_on_over_a_resumed_run(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    with monkeypatch.context() as patch:
        cut(patch, Killed(), 4)
        with pytest.raises(Killed):
            passing_by(path, epochs=20, patience=2)
    for _ in range(2):  # and once it has stopped, there is nothing to go on with
        weight, fitted = passing_by(path, epochs=20, patience=2, resume=True)
        assert weight == pytest.approx(2.71, rel=1e-5) and len(fitted.history) == 5


def test_the_highest_accuracy_and_the_lowest_loss_are_best():
    history = [{"val_accuracy": 0.5, "val_loss": 3.0}, {"val_accuracy": 0.8, "val_loss": 1.0}, {"val_accuracy": 0.8}]
    history[2]["val_loss"] = 2.0
    for monitor in ("val_accuracy", "val_loss"):
        checkpoints = Checkpoints("a.npz", None, {}, monitor, 1)
        assert not checkpoints.stopped_early()
        checkpoints.history = history
        assert checkpoints.best_epoch() == 1 and checkpoints.stopped_early()


def test_ctrl_c_keeps_the_best_so_far(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    with monkeypatch.context() as patch:
        cut(patch, KeyboardInterrupt(), 5, step=0)
        weight, fitted = passing_by(path, epochs=20, patience=9)
    assert fitted.interrupted and len(fitted.history) == 4
    assert weight == pytest.approx(2.71, rel=1e-5)
    _, fitted = passing_by(path, epochs=6, patience=9, resume=True)
    assert not fitted.interrupted and len(fitted.history) == 6


def test_ctrl_c_before_an_epoch_is_finished_has_nothing_to_keep(tmp_path, monkeypatch):
    cut(monkeypatch, KeyboardInterrupt(), 1, step=0)
    with pytest.raises(KeyboardInterrupt):
        passing_by(tmp_path / "a.npz", epochs=3)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory):
    """A checkpoint after one epoch, to be copied and damaged."""
    path = tmp_path_factory.mktemp("one") / "checkpoint.npz"
    passing_by(path, epochs=1)
    return path


def flip(path):
    with np.load(path) as file:
        weights = file["variable_0"].tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(weights)] ^= 1
    path.write_bytes(content)


def without(*names):
    def damage(path):
        with np.load(path) as file:
            arrays = {name: array for name, array in file.items() if name not in names}
        np.savez(path, **arrays)

    return damage


def other_about(path):
    with np.load(path) as file:
        np.savez(path, **{**file, "about": np.array("[]")})


def plain_array(path):
    with open(path, "wb") as file:
        np.save(file, np.ones(3))


def other_shape(path):
    with np.load(path) as file:
        np.savez(path, **{**file, "variable_0": np.ones((7, 7), np.float32)})


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("not a checkpoint"),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "flipped bit": flip,
    "nothing about it": without("about"),
    "a list about it": other_about,
    "a lone array": plain_array,
    "a variable is missing": without("variable_0"),
    "best weights are missing": without("best_0"),
    "of another shape": other_shape,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_in_one_sentence(tmp_path, one_epoch, damage):
    path = tmp_path / "checkpoint.npz"
    shutil.copy(one_epoch, path)
    DAMAGES[damage](path)
    with pytest.raises(DataError, match=r"expected a checkpoint to resume from in .*, got a damaged file") as error:
        passing_by(path, epochs=2, resume=True)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert str(error.value).endswith("start again without --resume")


def test_a_checkpoint_of_other_settings_is_refused(one_epoch, monkeypatch):
    before = one_epoch.read_bytes()
    monkeypatch.setitem(SETTINGS, "words", 30)
    with pytest.raises(
        DataError,
        match=r"expected the settings of the run to resume \(words 20 in .*\), got words 30: repeat them, or start",
    ):
        passing_by(one_epoch, epochs=2, resume=True)
    assert one_epoch.read_bytes() == before


def test_a_full_disk_leaves_the_former_checkpoint(tmp_path, one_epoch, monkeypatch):
    path = tmp_path / "checkpoint.npz"
    shutil.copy(one_epoch, path)
    before = path.read_bytes()

    def savez(file, **_):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(OSError, match="No space left"):
        passing_by(path, epochs=2, resume=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_plot_history(tmp_path):
    path = tmp_path / "history.png"
    logs = {"loss": 0.6, "accuracy": 0.7, "val_loss": 0.5, "val_accuracy": 0.8}
    training.plot_history([logs, {**logs, "loss": 0.4}], "accuracy", path, "A title")
    assert path.read_bytes().startswith(b"\x89PNG\r\n")
    assert path.stat().st_size > 5000
