"""LSTM and GRU with zoneout (Krueger et al., 2016, "Zoneout: regularizing RNNs by randomly preserving hidden
activations").

    training     a state's unit keeps its old value with the probability `rate`, drawn for each unit, state and step
    inference    state = rate * state + (1 - rate) * new state, which is what it is on average
"""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from keras_rnn.cells import GRUCell, LSTMCell, RecurrentCell, named_arguments
from keras_rnn.variants.layer import VariantLayer


def checked_rates(cell: RecurrentCell, **rates: float) -> tuple[float, ...]:
    """The rates, in the order of the states."""
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            raise ValueError(f"{type(cell).__name__} expected {name} to be 0 or more and less than 1, got {rate!r}.")
    return tuple(rates.values())


def with_draws(cell: RecurrentCell, projected: tf.Tensor) -> tf.Tensor:
    """`(..., gates * units)` -> the same and `units` more for each state: 0 where it is to keep its old value."""
    if not any(cell.rates):
        return projected
    ones = tf.ones_like(projected[..., : cell.units])
    draws = [keras.random.dropout(ones, rate, seed=cell.seed_generator) for rate in cell.rates]
    return tf.concat([projected, *draws], axis=-1)


def zoned_out(
    cell: RecurrentCell,
    step: Callable,
    projected: tf.Tensor,
    states: Sequence[tf.Tensor],
    masks: Sequence[tf.Tensor] | None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """A cell's `step` with zoneout: in training if `with_draws` has been here, else in inference."""
    width = cell.gates * cell.units
    drawn = tf.split(projected[..., width:], len(states), axis=-1) if projected.shape[-1] > width else None
    _, new_states = step(cell, projected if drawn is None else projected[..., :width], states, masks)
    pairs = list(zip(states, new_states, strict=True))
    if drawn is None:
        kept = [rate * old + (1 - rate) * new for rate, (old, new) in zip(cell.rates, pairs, strict=True)]
    else:
        kept = [tf.where(draw > 0, new, old) for draw, (old, new) in zip(drawn, pairs, strict=True)]
    return kept[0], kept


@keras.saving.register_keras_serializable(package="keras_rnn")
class ZoneoutLSTMCell(LSTMCell):
    """One step of an LSTM with zoneout (Krueger et al., 2016) of the hidden state and of the memory.

    The new hidden state is made from the new memory before that is zoned out, as in the paper. Call: as LSTMCell's.
    """

    def __init__(self, units, zoneout_hidden=0.1, zoneout_memory=0.1, **kwargs):
        super().__init__(units, **kwargs)
        self._take(named_arguments(locals()))
        self.rates = checked_rates(self, zoneout_hidden=zoneout_hidden, zoneout_memory=zoneout_memory)

    def with_step_masks(self, projected):
        return with_draws(self, projected)

    def step(self, projected, states, masks=None):
        return zoned_out(self, LSTMCell.step, projected, states, masks)


@keras.saving.register_keras_serializable(package="keras_rnn")
class ZoneoutLSTM(VariantLayer):
    """LSTM with zoneout (Krueger et al., 2016) over `(batch, time, features)`.

    The formula is ZoneoutLSTMCell's. Each call in training draws anew.
    """

    cell_class, cell_name = ZoneoutLSTMCell, "zoneout_lstm_cell"


@keras.saving.register_keras_serializable(package="keras_rnn")
class ZoneoutGRUCell(GRUCell):
    """One step of a GRU with zoneout (Krueger et al., 2016) of the hidden state. Call: as GRUCell's."""

    def __init__(self, units, zoneout_hidden=0.1, **kwargs):
        super().__init__(units, **kwargs)
        self._take(named_arguments(locals()))
        self.rates = checked_rates(self, zoneout_hidden=zoneout_hidden)

    def with_step_masks(self, projected):
        return with_draws(self, projected)

    def step(self, projected, states, masks=None):
        return zoned_out(self, GRUCell.step, projected, states, masks)


@keras.saving.register_keras_serializable(package="keras_rnn")
class ZoneoutGRU(VariantLayer):
    """GRU with zoneout (Krueger et al., 2016) over `(batch, time, features)`.

    The formula is ZoneoutGRUCell's. Each call in training draws anew.
    """

    cell_class, cell_name = ZoneoutGRUCell, "zoneout_gru_cell"
