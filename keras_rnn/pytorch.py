"""What PyTorch's recurrent networks call their weights, which shapes these have, and the files they are in.

    weight_ih_l0            (gates * units, features)    inputs -> gates
    weight_hh_l0            (gates * units, output)      hidden state -> gates
    bias_ih_l0, bias_hh_l0  (gates * units,)             both or none
    weight_hr_l0            (output, units)              only with proj_size, which is `output`; else that is `units`

`_l1` are those of the second layer, `_l0_reverse` those of the backward direction; a cell's end in neither.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from whole_files import whole

Arrays = dict[str, np.ndarray]
NAME = re.compile(r"(?:weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)(?:_l(\d+)(_reverse)?)?")
KINDS = {1: "nn.RNN", 3: "nn.GRU", 4: "nn.LSTM"}  # by the number of gates
PACKAGES = {".safetensors": "safetensors.numpy", ".pt": "torch", ".pth": "torch"}


@dataclass(frozen=True)
class Network:
    """What a set of weights belongs to."""

    gates: int
    units: int
    output: int  # width of the hidden state
    features: int
    layers: int
    directions: int
    projected: bool
    bias: bool
    cell: bool

    @classmethod
    def of(cls, arrays: Arrays) -> Network:
        """The network that has these weights. ValueError, with the name, if none has."""
        cell = "weight_ih" in arrays
        first = "" if cell else "_l0"
        projected = f"weight_hr{first}" in arrays
        if cell and projected:
            raise ValueError("expected the weights of nn.LSTMCell, which has no projection, got weight_hr.")
        for name in ("weight_ih", "weight_hh", *["weight_hr"] * projected):
            if np.ndim(arrays.get(name + first, 0)) != 2:
                got = f"shape {arrays[name + first].shape}" if name + first in arrays else "none"
                raise ValueError(f"expected {name}{first}, a matrix, got {got}.")
        rows, output = arrays[f"weight_hh{first}"].shape
        units = arrays[f"weight_hr{first}"].shape[1] if projected else output
        gates = [4] if projected else list(KINDS)
        if rows not in (gate * units for gate in gates):
            kinds = ", ".join(f"{gate * units} rows ({KINDS[gate]})" for gate in gates)
            raise ValueError(f"expected weight_hh{first} of {kinds}, got {rows} rows and {output} columns.")
        found = [match for name in arrays if (match := NAME.fullmatch(name))]
        network = cls(
            gates=rows // units,
            units=units,
            output=output,
            features=arrays[f"weight_ih{first}"].shape[1],
            layers=len({match[1] for match in found}),
            directions=2 if any(match[2] for match in found) else 1,
            projected=projected,
            bias=any(name.startswith("bias") for name in arrays),
            cell=cell,
        )
        network.expect(arrays)
        return network

    def suffixes(self, layer: int) -> list[str]:
        """The endings of the names of a layer's weights: `_l0`, `_l0_reverse`; none for a cell's."""
        return [""] if self.cell else [f"_l{layer}", f"_l{layer}_reverse"][: self.directions]

    def features_of(self, layer: int) -> int:
        """How many features a layer reads."""
        return self.directions * self.output if layer else self.features

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every weight's, by its name."""
        rows, shapes = self.gates * self.units, dict[str, tuple[int, ...]]()
        for layer in range(self.layers):
            for suffix in self.suffixes(layer):
                shapes[f"weight_ih{suffix}"] = (rows, self.features_of(layer))
                shapes[f"weight_hh{suffix}"] = (rows, self.output)
                if self.projected:
                    shapes[f"weight_hr{suffix}"] = (self.output, self.units)
                if self.bias:
                    shapes |= {f"bias_ih{suffix}": (rows,), f"bias_hh{suffix}": (rows,)}
        return shapes

    def expect(self, arrays: Arrays) -> None:
        """ValueError if these aren't the network's weights, all of them and no others."""
        shapes = self.shapes()
        for name, shape in shapes.items():
            if name not in arrays:
                raise ValueError(f"expected {name} of shape {shape}, got none.")
            if arrays[name].shape != shape:
                raise ValueError(f"expected {name} of shape {shape}, got {arrays[name].shape}.")
        for name in arrays.keys() - shapes.keys():
            raise ValueError(f"expected the weights {', '.join(shapes)}, got {name} too.")


def with_dot(prefix: str) -> str:
    return f"{prefix}." if prefix and not prefix.endswith(".") else prefix


def chosen(names: Iterable[str], prefix: str) -> dict[str, str]:
    """Names without the prefix -> names with it, of those that begin with it."""
    names, prefix = list(names), with_dot(prefix)
    found = {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}
    strangers = [name for name in found.values() if not NAME.fullmatch(name.removeprefix(prefix))]
    if found and not strangers:
        return found
    others = {re.sub(r"weight_ih(_l0)?$", "", name) for name in names if re.search(r"(^|\.)weight_ih(_l0)?$", name)}
    hint = "".join(f' or prefix="{other.removesuffix(".")}"' for other in sorted(others - {prefix}))
    raise ValueError(
        f'expected weights called weight_ih_l0, weight_hh_l0, ... behind the prefix "{prefix}"{hint}, '
        f"got {', '.join((strangers or names)[:3]) or 'none'}."
    )


def as_array(value: Any) -> np.ndarray:
    """A tensor or an array of any precision in float64."""
    value = value.detach().cpu().double().numpy() if hasattr(value, "detach") else value
    return np.asarray(value, np.float64)


def read(weights: Mapping[str, Any] | str | Path, prefix: str) -> tuple[Arrays, Network]:
    """The weights behind `prefix` in a state_dict or in the file of one, and what they belong to."""
    if isinstance(weights, (str, Path)):
        arrays = read_file(Path(weights), prefix)
    elif isinstance(weights, Mapping):
        arrays = {name: as_array(weights[full]) for name, full in chosen(weights, prefix).items()}
    else:
        raise ValueError(f"expected a state_dict or the path of one, got {type(weights).__name__}.")
    return arrays, Network.of(arrays)


def read_file(path: Path, prefix: str) -> Arrays:
    package = package_for(path)
    if not path.is_file():
        raise FileNotFoundError(f"expected a file of weights, got none at {path}.")
    if package.__name__ == "torch":
        try:
            weights = package.load(path, map_location="cpu", weights_only=True)
        except OSError:
            raise
        except Exception as error:  # of pickle, of zip, of torch
            raise ValueError(
                f"expected {path} to be a state_dict that torch.load(weights_only=True) takes, as torch.save("
                f"module.state_dict(), ...) writes it, got {type(error).__name__} from it."
            ) from error
        if not isinstance(weights, Mapping):
            raise ValueError(f"expected {path} to be a state_dict, got {type(weights).__name__}.")
        return {name: as_array(weights[full]) for name, full in chosen(weights, prefix).items()}
    import safetensors

    try:
        with safetensors.safe_open(path, framework="np") as file:
            return {name: as_array(file.get_tensor(full)) for name, full in chosen(file.keys(), prefix).items()}
    except safetensors.SafetensorError as error:
        raise ValueError(f"expected {path} to be a safetensors file, got one with {error}.") from error


def write_file(arrays: Arrays, path: Path) -> None:
    """Writes all of them, or leaves what was there."""
    package = package_for(path)
    if package.__name__ == "torch":
        tensors = {name: package.from_numpy(array) for name, array in arrays.items()}
        with whole(path) as beside:
            package.save(tensors, beside)
    else:
        with whole(path) as beside:
            package.save_file(arrays, beside, metadata={"format": "pt"})


def package_for(path: Path) -> ModuleType:
    """What reads and writes files of this name."""
    name = PACKAGES.get(path.suffix)
    if name is None:
        raise ValueError(f"expected a path that ends in {', '.join(PACKAGES)}, got {path}.")
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise ImportError(f"{path.suffix} expected the package {package}, got none: pip install {package}") from None
