"""Training that begins with the shipped model's layers."""

import numpy as np
import pytest

from apps.mnist_rows import Recogniser
from apps.mnist_rows.start import model_from
from apps.pipeline import publishing
from apps.pipeline.errors import DataError

SHIPPED = publishing.SHIPPED / "mnist_rows"
PICTURES = np.random.default_rng(2).random((2, 28, 28)).astype(np.float32)


def test_the_same_classes_are_answered_as_before():
    logits = np.array(model_from(SHIPPED, tuple("0123456789"), 0.2)(PICTURES, training=False))
    found = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    recogniser = Recogniser(SHIPPED, "litert")
    np.testing.assert_allclose(found, [recogniser.probabilities(picture) for picture in PICTURES], atol=1e-4)


def test_other_classes_get_the_layers_that_read():
    model, same = (model_from(SHIPPED, names, 0.2) for names in (("a", "b", "c"), tuple("0123456789")))
    assert model.output_shape == (None, 3)
    for layer in ("first", "second"):
        for ours, theirs in zip(model.get_layer(layer).get_weights(), same.get_layer(layer).get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(DataError, match="to start from, got no SavedModel in"):
        model_from(tmp_path, ("a", "b"), 0.2)
