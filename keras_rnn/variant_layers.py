"""Cell + loop = a Keras layer, for the cells of `variants`, `layer_normalisation` and `zoneout`.

Beside `units`, a layer takes the arguments of its cell and those of keras.layers.RNN, by name.
"""

import keras

from keras_rnn.cells import RecurrentCell
from keras_rnn.layer_normalisation import LayerNormGRUCell, LayerNormLSTMCell
from keras_rnn.layers import RecurrentLayer, argument_names
from keras_rnn.variants import CoupledLSTMCell, PeepholeLSTMCell, ProjectedLSTMCell
from keras_rnn.zoneout import ZoneoutGRUCell, ZoneoutLSTMCell


class VariantLayer(RecurrentLayer):
    """What the layers share: arguments by name, and as attributes. A subclass has `cell_class`."""

    cell_class: type[RecurrentCell]

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in argument_names(cls.cell_class):
            setattr(cls, name, property(lambda layer, name=name: getattr(layer.cell, name), doc=f"`cell.{name}`"))

    def __init__(self, units, **kwargs):
        names = [name for name in argument_names(self.cell_class) if name in kwargs]
        super().__init__({"units": units, **{name: kwargs.pop(name) for name in names}}, **kwargs)


@keras.saving.register_keras_serializable(package="keras_rnn")
class PeepholeLSTM(VariantLayer):
    """LSTM whose gates see the memory (Gers & Schmidhuber, 2000; Graves, 2013) over `(batch, time, features)`.

    The formula is PeepholeLSTMCell's.
    """

    cell_class, cell_name = PeepholeLSTMCell, "peephole_lstm_cell"


@keras.saving.register_keras_serializable(package="keras_rnn")
class ProjectedLSTM(VariantLayer):
    """LSTM with a projection (Sak, Senior & Beaufays, 2014) over `(batch, time, features)`.

    The formula is ProjectedLSTMCell's: outputs and hidden state are `projection` wide, the memory is `units` wide.
    """

    cell_class, cell_name = ProjectedLSTMCell, "projected_lstm_cell"


@keras.saving.register_keras_serializable(package="keras_rnn")
class CoupledLSTM(VariantLayer):
    """LSTM with coupled input and forget gates (Greff et al., 2015) over `(batch, time, features)`.

    The formula is CoupledLSTMCell's.
    """

    cell_class, cell_name = CoupledLSTMCell, "coupled_lstm_cell"


@keras.saving.register_keras_serializable(package="keras_rnn")
class LayerNormLSTM(VariantLayer):
    """LSTM with layer normalisation (Ba, Kiros & Hinton, 2016) over `(batch, time, features)`.

    The formula is LayerNormLSTMCell's.
    """

    cell_class, cell_name = LayerNormLSTMCell, "layer_norm_lstm_cell"


@keras.saving.register_keras_serializable(package="keras_rnn")
class LayerNormGRU(VariantLayer):
    """GRU with layer normalisation (Ba, Kiros & Hinton, 2016) over `(batch, time, features)`.

    The formula is LayerNormGRUCell's.
    """

    cell_class, cell_name = LayerNormGRUCell, "layer_norm_gru_cell"


@keras.saving.register_keras_serializable(package="keras_rnn")
class ZoneoutLSTM(VariantLayer):
    """LSTM with zoneout (Krueger et al., 2016) over `(batch, time, features)`.

    The formula is ZoneoutLSTMCell's. Each call in training draws anew.
    """

    cell_class, cell_name = ZoneoutLSTMCell, "zoneout_lstm_cell"


@keras.saving.register_keras_serializable(package="keras_rnn")
class ZoneoutGRU(VariantLayer):
    """GRU with zoneout (Krueger et al., 2016) over `(batch, time, features)`.

    The formula is ZoneoutGRUCell's. Each call in training draws anew.
    """

    cell_class, cell_name = ZoneoutGRUCell, "zoneout_gru_cell"
