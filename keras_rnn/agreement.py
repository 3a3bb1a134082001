"""The proof that a file gives its model's answers: its signatures are run and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keras_rnn.artifacts import Signature
from keras_rnn.failures import Disagreement, ExportError, problem, reason
from keras_rnn.interface import Interface
from keras_rnn.runtimes import Arrays, Runner, as_tensors


@dataclass(frozen=True)
class Case:
    """Inputs and what the model answers."""

    inputs: Arrays
    outputs: Arrays

    @classmethod
    def of(cls, interface: Interface, inputs: Arrays) -> Case:
        try:
            outputs = interface.call(inputs)
        except Exception as error:  # of any layer
            raise cannot_run(interface, inputs, error) from error
        return cls(inputs, {name: np.array(value) for name, value in outputs.items()})

    def rows(self) -> list[Case]:
        """The same in batches of 1."""
        return [
            Case(one_row(self.inputs, row), one_row(self.outputs, row))
            for row in range(len(next(iter(self.inputs.values()))))
        ]


def cannot_run(interface: Interface, inputs: Arrays, error: Exception) -> ExportError:
    """What to say of inputs on which the model itself fails."""
    shapes = ", ".join(f"{name} {value.shape}" for name, value in inputs.items())
    why = problem(interface.model, lambda: interface.call(inputs), error)
    return ExportError(f"{interface.model.name} can't run on {shapes}; give it others to check with, by inputs=: {why}")


def one_row(arrays: Arrays, row: int) -> dict[str, np.ndarray]:
    return {name: value[row : row + 1] for name, value in arrays.items()}


def difference(expected: Arrays, found: Arrays) -> float:
    """The largest over all outputs, relative to the largest number expected in an output, or to 1 if that is more."""
    largest = 0.0
    for name, value in expected.items():
        if name not in found:
            raise ExportError(f"expected an output called {name}, got {', '.join(found)}.")
        if value.shape != found[name].shape:
            raise ExportError(f"expected {name} of shape {value.shape}, got {found[name].shape}.")
        if value.dtype.kind in "OSUb":
            largest = max(largest, float(np.any(value != found[name])))
        elif value.size:
            scale = max(1.0, float(np.abs(value).max(where=np.isfinite(value), initial=0.0)))
            same = (found[name] == value) | (np.isnan(found[name]) & np.isnan(value))
            with np.errstate(invalid="ignore"):  # infinite less infinite, where they are the same
                apart = np.abs(found[name].astype(np.float64) - value).max(where=~same, initial=0.0) / scale
            largest = max(largest, np.inf if np.isnan(apart) else float(apart))
    return largest


def run_padded(interface: Interface, run: Runner, inputs: Arrays, steps: int) -> dict[str, np.ndarray]:
    """The outputs of the signature `padded`."""
    length = interface.time_of(inputs)

    def fill(value):
        return np.pad(value, [(0, 0), (0, steps - length), *[(0, 0)] * (value.ndim - 2)])

    padded = {name: fill(value) if name in interface.inputs_over_time else value for name, value in inputs.items()}
    outputs = run(padded | {"length": np.array(length, np.int32)})
    return {
        name: value[:, :length] if name in interface.outputs_over_time else value for name, value in outputs.items()
    }


def run_steps(interface: Interface, run: Runner, inputs: Arrays) -> dict[str, np.ndarray]:
    """The outputs of the signature `step`, called for one time step after another."""
    batch = len(next(iter(inputs.values())))
    states = {
        name: np.zeros((batch, *state.shape[1:]), state.dtype.as_numpy_dtype)
        for name, state in interface.states.items()
    }
    steps = []
    for time in range(interface.time_of(inputs) or 1):
        now = {name: value[:, time] if name in interface.inputs_over_time else value for name, value in inputs.items()}
        outputs = run(now | states)
        states = {name: outputs[name] for name in states}
        steps.append(outputs)
    return {
        name: np.stack([step[name] for step in steps], axis=1)
        if name in interface.outputs_over_time
        else steps[-1][name]
        for name in interface.outputs
    }


def answers(
    interface: Interface, name: str, run: Runner, inputs: Arrays, steps: int | None
) -> dict[str, np.ndarray] | None:
    """The outputs of the signature `name`; None if the inputs are longer than the `steps` of `padded`."""
    if name == "step":
        return run_steps(interface, run, inputs)
    if name != "padded":
        return run(inputs)
    length = interface.time_of(inputs)
    if steps is None or length is None or length > steps:
        return None
    return run_padded(interface, run, inputs, steps)


def expect_padding(interface: Interface, cases: Sequence[Case], steps: int) -> None:
    """ExportError if the cases can't be padded, or if none is short enough to show what `padded` answers."""
    for case in cases:
        times = {name: case.inputs[name].shape[1] for name in sorted(interface.inputs_over_time)}
        times |= {name: case.outputs[name].shape[1] for name in sorted(interface.outputs_over_time)}
        if len(set(times.values())) > 1:
            raise ExportError(f"length={steps} expected as many time steps in each input and output, got {times}.")
    if all((interface.time_of(case.inputs) or 0) > steps for case in cases):
        raise ExportError(f"length={steps} expected inputs= of at most so many time steps, got longer ones.")


def typical_inputs(
    interface: Interface, signatures: Mapping[str, Signature], cases: Sequence[Case], steps: int | None
) -> dict[str, list[Arrays]]:
    """What each signature is given in the cases, states included."""
    given: dict[str, list[Arrays]] = {name: [] for name in signatures}
    for name, signature in signatures.items():
        function = signature.trace()

        def run(inputs, name=name, function=function):
            given[name].append(inputs)
            return {key: value.numpy() for key, value in function(**as_tensors(inputs)).items()}

        for case in cases:
            answers(interface, name, run, case.inputs, steps)
    return given


def expect_to_run(interface: Interface, inputs: Arrays) -> None:
    """ExportError if the model itself fails on a row on which its file does: it may run on two and not on one."""
    try:
        interface.call(inputs)
    except Exception as error:  # of any layer
        raise cannot_run(interface, inputs, error) from error


def check(
    interface: Interface | None,
    runners: Mapping[str, Runner],
    cases: Mapping[str, Sequence[Case]],
    tolerance: float,
    steps: int | None,
    file: str,
) -> float:
    """Runs every signature on each of its cases, twice -> the largest difference; ExportError above `tolerance`.

    Args:
        interface: of the model that the file is of; None for a file of other functions.
        steps: of the signature `padded`; longer cases are left out.
        file: what the error is to call it.
    """
    worst = 0.0
    for name, run in runners.items():
        for case in cases[name]:
            length = interface and interface.time_of(case.inputs)
            for call in ("first", "second"):
                where = f"by {name}{'' if length is None else f' on {length} time steps'}, {call} call"
                try:
                    found = answers(interface, name, run, case.inputs, steps) if interface else run(case.inputs)
                except Exception as error:  # of any runtime
                    if interface:
                        expect_to_run(interface, case.inputs)
                    raise ExportError(f"expected {file} to run {where}, got: {reason(error)}") from error
                if found is None:
                    continue
                apart = difference(case.outputs, found)
                if apart > tolerance:
                    raise Disagreement(
                        f"expected {file} to give the model's answers within {tolerance:g}, got {apart:.2g} from them "
                        f"{where}; nothing was written.",
                        file,
                    )
                worst = max(worst, apart)
    return worst
