"""What the network gets in an epoch, and how its weights change."""

import keras
import numpy as np
import pytest

from apps.mnist_rows import learning as mnist_rows_learning
from apps.mnist_rows.data import LabelledPictures
from apps.mnist_rows.distortion import Distortion
from apps.mnist_rows.learning import learn_pictures, picture_batches
from apps.mnist_rows.model import Recipe
from apps.pipeline import training
from apps.pipeline.runs import Run

NONE = Distortion(shift=0.0, turn=0.0, scaling=0.0, shear=0.0, waves=0.0)


def data_of(count, classes=4):
    """Each picture is of another brightness; a row tells the class."""
    pictures = np.zeros((count, 28, 28), np.uint8)
    labels = (np.arange(count) % classes).astype(np.int32)
    pictures[:] = np.arange(count, dtype=np.uint8)[:, None, None]
    pictures[np.arange(count), 5 * labels + 3] = 255
    return LabelledPictures(pictures, labels, tuple("abcd"[:classes]))


def an_epoch(batches):
    pictures, labels = zip(*batches, strict=True)
    assert all(part.dtype == np.float32 for part in pictures)
    return np.concatenate(pictures), np.concatenate(labels)


def test_validation_is_every_picture_as_it_is_in_order():
    data = data_of(103)
    batches = picture_batches(data, 10, 0, None)
    assert len(batches) == 11
    pictures, labels = an_epoch(batches)
    np.testing.assert_allclose(pictures, data.pictures / 255, rtol=1e-6)
    np.testing.assert_array_equal(labels, data.labels)


def test_training_is_every_picture_shuffled_with_its_label(monkeypatch):
    monkeypatch.setattr(mnist_rows_learning, "SMALLEST_EPOCH", 5)
    data = data_of(103)
    batches = picture_batches(data, 10, 7, NONE)
    epochs = []
    for batches.epoch in range(2):
        pictures, labels = an_epoch(batches)
        numbers = np.round(pictures[:, 0, 0] * 255).astype(int)
        assert sorted(numbers) == list(range(103)) and list(numbers) != list(range(103))
        np.testing.assert_array_equal(labels, data.labels[numbers])
        np.testing.assert_allclose(pictures, data.pictures[numbers] / 255, atol=1e-5)
        epochs.append(list(numbers))
    assert epochs[0] != epochs[1]


def test_every_epoch_distorts_anew_and_a_resumed_one_the_same():
    data = data_of(20)
    batches = picture_batches(data, 10, 7, Distortion())
    batches.epoch = 3
    first = an_epoch(batches)[0]
    np.testing.assert_array_equal(an_epoch(batches)[0], first)
    batches.epoch = 4
    assert np.abs(an_epoch(batches)[0] - first).max() > 0.5
    assert len(np.unique(first.reshape(len(first), -1), axis=0)) == len(first)


def test_few_pictures_come_several_times_in_an_epoch():
    batches = picture_batches(data_of(30), 8, 0, NONE)
    assert len(batches) >= mnist_rows_learning.SMALLEST_EPOCH
    pictures, _ = an_epoch(batches)
    counts = np.bincount(np.round(pictures[:, 0, 0] * 255).astype(int))
    assert len(counts) == 30 and len(set(counts)) == 1
    assert len(picture_batches(data_of(30), 8, 0, None)) == 4


def test_learning_keeps_the_average_of_the_weights_that_validates_best(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist_rows_learning, "SMALLEST_EPOCH", 20)
    data = data_of(100)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(4)])
    options = {"learning_rate": 0.01, "weight_decay": 0.01, "averaging": 0.25, "distortion": NONE}
    recipe = Recipe(seed=3, epochs=5, batch_size=5, **options)
    fitted = learn_pictures(model, data, data, Run("mnist_rows", recipe, "x", tmp_path, False))
    assert fitted.kept["val_accuracy"] == 1.0 and len(fitted.history) == 5
    optimizer = model.optimizer
    assert isinstance(optimizer, training.AdamW) and optimizer.use_ema and optimizer.weight_decay == 0.01
    assert optimizer.ema_momentum == pytest.approx(1 - 1 / 25)  # a quarter of the 5 x 20 steps
    assert float(optimizer.learning_rate) == pytest.approx(0.0, abs=1e-6)  # at the end
    loss = model.evaluate(data.pictures.astype(np.float32) / 255, data.labels, verbose=0)[0]
    assert loss == pytest.approx(min(logs["val_loss"] for logs in fitted.history), rel=1e-4)
    with np.load(tmp_path / "training" / "labels.npz") as file:
        assert np.abs(file["variable_0"] - model.get_weights()[0]).max() > 1e-4  # the last step's are others
    assert (tmp_path / "training" / "logs" / "labels" / "validation").is_dir()
