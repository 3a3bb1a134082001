"""Variants of LSTM and GRU, cell and layer in one file each.

A cell takes the arguments of LSTMCell or GRUCell by name, and its own; a layer those of its cell and of
keras.layers.RNN. None has a fast path: all take the plain loop, after one product of all inputs.
"""
