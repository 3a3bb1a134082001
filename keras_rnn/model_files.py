"""A model in a file -> a model that `keras_rnn.export` takes: its recurrent layers are ours, with the same weights.

A layer of ours has its twin's arguments, weights and numbers: so it is enough to write another class into the model's
configuration and to carry the weights over as they are.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras

from keras_rnn import layers as our_layers
from keras_rnn.failures import ExportError, all_layers, reason

ENDINGS = (".keras", ".h5", ".hdf5")
OURS = ("SimpleRNN", "LSTM", "GRU")
CELLS = {f"{name}Cell": name for name in OURS}
RNN_ARGUMENTS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask")
# What Keras 2 wrote into a layer's configuration and Keras 3 refuses; it meant what Keras 3 does without it.
OF_KERAS_2 = {"time_major": False, "batch_input_shape": None, "input_length": None}


def load(path: str | Path, trusted: bool = False) -> keras.Model:
    """The model in a .keras or .h5 file, of Keras 3, or of Keras 2 where that is HDF5; without its optimizer.

    Args:
        trusted: load Lambda layers too, whose Python code is in the file.

    Raises:
        ExportError: what was expected in the file, and what is there.
    """
    path = Path(path)
    if path.is_dir():
        raise ExportError(
            f"expected a .keras or .h5 file, got the folder {path}: a SavedModel has no layers any more; save the "
            'model where it was made, by model.save("model.keras").'
        )
    if not path.exists():
        raise ExportError(f"expected a model in {path}, got no such file.")
    if path.suffix not in ENDINGS:
        raise ExportError(f"expected a file that ends in {', '.join(ENDINGS)}, got {path}.")
    try:
        if path.suffix == ".keras":
            return keras.models.load_model(path, compile=False, safe_mode=not trusted)
        return load_hdf5(path, trusted)
    except ExportError:
        raise
    except Exception as error:  # of Keras, of h5py, of any layer's constructor
        raise ExportError(f"expected a whole model in {path}, got {advice(error)}") from error


def load_hdf5(path: Path, trusted: bool) -> keras.Model:
    """A model of an HDF5 file, read from a copy without the arguments that only Keras 2 knew."""
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(path, Path(folder) / "model.h5")
        with h5py.File(copy, "r+") as file:
            if "model_config" not in file.attrs:
                raise ExportError(
                    f"expected a whole model in {path}, got weights alone: load them into the model that they belong "
                    'to, and save it by model.save("model.keras").'
                )
            config = file.attrs["model_config"]
            content = json.loads(config if isinstance(config, str) else config.decode())
            file.attrs["model_config"] = json.dumps(rewritten(content, for_keras_3))
        return keras.models.load_model(copy, compile=False, safe_mode=not trusted)


def advice(error: Exception) -> str:
    """What an error found in a file, and what to do about it where that is known."""
    text = str(error)
    unknown = ("Could not locate class", "Could not locate function", "Unknown layer", "Unknown object")
    if any(words in text for words in unknown):
        name = text.split("'")[1] if text.count("'") > 1 else "class"
        return (
            f"the unknown {name}: a class of your own needs the module that registers it, by --import; an operation of "
            'Keras can\'t be read back from HDF5 by Keras itself: save the model by model.save("model.keras").'
        )
    if "safe_mode" in text or "unsafe" in text:
        return "a Lambda layer, whose Python code is in the file: if you trust the file, add --trusted."
    if "batch_input_shape" in text and "could not be deserialized" in text:
        return "one that Keras 2 wrote: save it there as .h5, which is read here."
    return reason(error)


def with_our_layers(model: keras.Model) -> tuple[keras.Model, dict[str, str]]:
    """A model like `model` with our layers in place of the recurrent ones of keras.layers, and which these were.

    Stateful layers lose their state from call to call, which a file can't have: the signature `step` hands states on.

    Returns:
        The model; {the layer's name: what was done}. A model in which nothing is to be replaced is returned itself.

    Raises:
        ExportError: a layer that can't be replaced, and why.
    """
    done: dict[str, str] = {}
    config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    config = rewritten(config, lambda part: with_our_class(part, done))
    if not done:
        return model, done
    if any("stateful" in what for what in done.values()):
        config = rewritten(config, with_any_batch)
    replaced = keras.saving.deserialize_keras_object(config, safe_mode=False)  # what was loaded was checked before
    if not replaced.built:
        replaced.build(model.input_shape)
    replaced.set_weights(model.get_weights())
    return replaced, done


def unreplaced(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The recurrent layers that aren't ours: LiteRT's converter doesn't take them, and they have no `step`."""
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.RNN) and not isinstance(layer, our_layers.RecurrentLayer):
            yield layer


def rewritten(config: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A configuration with each of its dictionaries changed, from the outermost to the innermost."""
    if isinstance(config, dict):
        return {key: rewritten(value, change) for key, value in change(config).items()}
    if isinstance(config, list):
        return [rewritten(value, change) for value in config]
    return config


def for_keras_3(part: dict[str, Any]) -> dict[str, Any]:
    """A layer's arguments without those of Keras 2."""
    if part.get("class_name") == "InputLayer" or not isinstance(part.get("config"), dict):
        return part
    config = {
        name: value
        for name, value in part["config"].items()
        if name not in OF_KERAS_2 or (OF_KERAS_2[name] is not None and value != OF_KERAS_2[name])
    }
    return part | {"config": config}


def with_our_class(part: dict[str, Any], done: dict[str, str]) -> dict[str, Any]:
    """A serialized layer of keras.layers -> the same of ours; anything else as it is."""
    if part.get("module") != "keras.layers" or not isinstance(part.get("config"), dict):
        return part
    name, config = part["class_name"], part["config"]
    cell = config.get("cell")
    if (
        name == "RNN"
        and isinstance(cell, dict)
        and cell.get("module") == "keras.layers"
        and cell["class_name"] in CELLS
    ):
        name = CELLS[cell["class_name"]]
        of_layer = {key: config[key] for key in ("name", "trainable", "dtype", *RNN_ARGUMENTS) if key in config}
        config = {key: value for key, value in cell["config"].items() if key not in ("name", "trainable", "dtype")}
        config |= of_layer
    if name not in OURS:
        return part
    how = f"keras.layers.{part['class_name']} -> keras_rnn.{name}"
    if config.get("stateful"):
        config = config | {"stateful": False}
        how += ", no longer stateful"
    done[config["name"]] = how
    ours = {"module": our_layers.__name__, "class_name": name, "registered_name": f"keras_rnn>{name}"}
    return part | ours | {"config": config}


def with_any_batch(part: dict[str, Any]) -> dict[str, Any]:
    """An input of any batch size, in place of the one that a stateful layer wanted."""
    if part.get("class_name") != "InputLayer":
        return part
    shape = part["config"].get("batch_shape")
    return part | {"config": part["config"] | {"batch_shape": [None, *shape[1:]]}} if shape else part
