"""What went wrong in an export, in one sentence: by which layer, and why."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

NOISE = r"\x1b\[\d+m|\{\{.*?\}\} ?"  # in errors: Keras's colours, TensorFlow's names of graph nodes


class ExportError(ValueError):
    """A model that can't be exported, or a file that doesn't give its answers; nothing has been written."""


class Disagreement(ExportError):
    """A file that runs, and doesn't give the model's answers; `file` is its name in FORMATS."""

    def __init__(self, text: str, file: str):
        super().__init__(text)
        self.file = file


def reason(error: Exception) -> str:
    """The first line of an error that says something, without what Keras and TensorFlow put around it."""
    before = ("Exception encountered", "Graph execution error", "Detected at node", "<stack traces")
    lines = [re.sub(NOISE, "", line).strip() for line in str(error).splitlines()]
    return next((line for line in lines if line and not line.startswith(before)), type(error).__name__)


@contextlib.contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """TensorFlow's error of a full disk, or of one that takes nothing, becomes the system's, an OSError."""
    try:
        yield
    except tf.errors.OpError as error:
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO):
            if os.strerror(number) in str(error):
                raise OSError(number, os.strerror(number), str(path)) from error
        raise


def all_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """`layer` and what is inside, at any depth."""
    return list(layer._flatten_layers())


def problem(model: keras.Model, call: Callable[[], Any], error: Exception) -> str:
    """Why `call` failed with `error`, after the name of the failing layer unless the reason has it."""
    layer, why = failing_layer(model, call), reason(error)
    return why if why.startswith(layer.split()[0]) else f"{layer}: {why}"


def failing_layer(model: keras.Model, call: Callable[[], Any]) -> str:
    """The innermost layer of `model` in which `call` fails, "conv (Conv1D)"; the model's name if it is none of them.

    `call` is repeated for this: Keras cuts its own functions, and with them its layers, out of a traceback.
    """
    layers = [layer for layer in all_layers(model) if not isinstance(layer, keras.Model)]
    names = {id(layer): f"{layer.name} ({type(layer).__name__})" for layer in layers}
    name, is_cut = model.name, keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()
    try:
        call()
    except Exception as error:  # of any layer
        traceback = error.__traceback__
        while traceback:
            name = names.get(id(traceback.tb_frame.f_locals.get("self")), name)
            traceback = traceback.tb_next
    finally:
        if is_cut:
            keras.config.enable_traceback_filtering()
    return name
