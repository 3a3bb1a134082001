"""Cell + loop = a Keras layer, for any variant."""

from keras_rnn.cells import RecurrentCell
from keras_rnn.layers import RecurrentLayer, argument_names


class VariantLayer(RecurrentLayer):
    """What the layers of the variants share: beside `units`, the arguments of the cell and of keras.layers.RNN by name;
    the cell's as attributes too. A subclass has `cell_class`."""

    cell_class: type[RecurrentCell]

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in argument_names(cls.cell_class):
            setattr(cls, name, property(lambda layer, name=name: getattr(layer.cell, name), doc=f"`cell.{name}`"))

    def __init__(self, units, **kwargs):
        names = [name for name in argument_names(self.cell_class) if name in kwargs]
        super().__init__({"units": units, **{name: kwargs.pop(name) for name in names}}, **kwargs)
