"""A training step of several replicas of a model, on devices of one process or of several: together they compute what
one would with the whole batch.

    batch   rows 0 1 2 3 4 5 6        each replica gets its rows, in their order: 0 1 | 2 3 | 4 5 6
    loss    sum over all rows / what counts in all rows; the same for the gradient, summed once, before it is clipped

Keras 3's `fit` calls the functions here in place of its own: its step takes the mean of the replicas' means, which is
another number where their rows, weights or masks differ, clips each replica's gradient by itself, and under
MultiWorkerMirroredStrategy fails (Keras 3.15).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from apps.pipeline.batches import Batches
from apps.pipeline.errors import DataError
from apps.pipeline.workers import Workers


def twin(model: keras.Model) -> keras.Model:
    """The same model with variables of its own, made where it is called: in a strategy's scope, a replica on each
    device."""
    copy = type(model).from_config(model.get_config())
    for layer in copy._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True  # mean and variance are the whole batch's
        elif getattr(layer, "use_cudnn", None) == "auto" and not tf.config.list_logical_devices("GPU"):
            # With the kernel in its graph, beside the loop, a step of validation never ends on several CPU processes.
            layer.use_cudnn = False
    for mine, its in zip(copy.variables, model.variables, strict=True):
        mine.assign(its.value)
    return copy


class Together:
    """What several replicas do at the same time, in the same order everywhere.

    Args:
        strategy: in whose scope `model` was made and compiled.
        loss: that it was compiled with; None: `model.compute_loss` gives the mean over the rows.
    """

    def __init__(self, workers: Workers, strategy: tf.distribute.Strategy, model: keras.Model, loss: Any):
        self.workers, self.strategy, self.model = workers, strategy, model
        self.sum_of = None if loss is None else type(loss).from_config({**loss.get_config(), "reduction": "sum"})
        self.reduction = None if loss is None else loss.reduction
        self.replicas = strategy.num_replicas_in_sync
        self.local = self.replicas // max(1, len(workers.addresses))  # of this process
        self._set_seeds = tf.function(self._set_seeds_of_all)
        self._sum_of_all = tf.function(
            self._sum_of_all_workers, input_signature=[tf.TensorSpec((None,), tf.int32)], autograph=False
        )

    def prepare(self, batches: Batches) -> None:
        """Makes the metrics' variables, which can't be made while replicas run, and gives `model` its two steps."""
        example = tf.nest.map_structure(
            lambda spec: keras.KerasTensor(spec.shape, spec.dtype.name), batches.signature, expand_composites=True
        )
        self.model._symbolic_build(data_batch=example)  # Keras has no public door to it
        self.model._distribute_strategy = None  # `fit` would take the mean of a batch over the replicas to build it
        self.model.train_function = self._of_all(self._train)
        self.model.test_function = self._of_all(self._test)

    def _of_all(self, step: Callable[[Any], dict[str, tf.Tensor]]) -> Callable[[Iterator], dict[str, tf.Tensor]]:
        """One step of all replicas on the next batch -> this process's logs, of its own rows, for the progress bar;
        those of an epoch are of all rows."""

        @tf.function(reduce_retracing=True)
        def next_step(iterator):
            logs = self.strategy.run(step, args=(next(iterator),))
            return {name: self.strategy.experimental_local_results(value)[0] for name, value in logs.items()}

        return next_step

    def _train(self, batch: Any) -> dict[str, tf.Tensor]:
        """A replica's training step."""
        model = self.model
        inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
        with tf.GradientTape() as tape:
            outputs = self._outputs(inputs, training=True)
            total, count = self._total_and_count(inputs, targets, outputs, weights, training=True)
        variables = model.trainable_variables
        gradients = tape.gradient(total, [variable.value for variable in variables])
        dense = [gradient if gradient is None else tf.convert_to_tensor(gradient) for gradient in gradients]
        known = [gradient for gradient in dense if gradient is not None]
        *known, total, count = self._summed([*known, total, count])
        given = iter(known)
        model.optimizer.apply(
            [gradient if gradient is None else tf.math.divide_no_nan(next(given), count) for gradient in dense],
            variables,
        )
        return self._logged(total, count, inputs, targets, outputs, weights)

    def _test(self, batch: Any) -> dict[str, tf.Tensor]:
        """A replica's step of validation."""
        inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
        outputs = self._outputs(inputs, training=False)
        total, count = self._summed([*self._total_and_count(inputs, targets, outputs, weights, training=False)])
        return self._logged(total, count, inputs, targets, outputs, weights)

    def _outputs(self, inputs: Any, training: bool) -> Any:
        return self.model(inputs, **({"training": training} if self.model._call_has_training_arg else {}))

    def _total_and_count(self, inputs, targets, outputs, weights, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """The sum of the losses of a replica's rows, and by what their sum over all replicas is divided."""
        rows = tf.cast(rows_of(inputs), tf.float32)
        if self.sum_of is None:
            mean = self.model.compute_loss(inputs, targets, outputs, weights, training=training)
            return tf.where(rows > 0.0, mean * rows, 0.0), rows
        return self.sum_of(targets, outputs, weights), counted(self.sum_of, self.reduction, targets, outputs, weights)

    def _summed(self, values: list[tf.Tensor]) -> list[tf.Tensor]:
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)

    def _logged(self, total, count, inputs, targets, outputs, weights) -> dict[str, tf.Tensor]:
        """Each replica's metrics get the whole batch's loss, weighted by its rows, and its own rows besides."""
        tracker = next(metric for metric in self.model.metrics if metric.name == "loss")
        tracker.update_state(tf.math.divide_no_nan(total, count), sample_weight=rows_of(inputs))
        return self.model.compute_metrics(inputs, targets, outputs, weights)

    def shares(self, batches: Batches) -> tf.distribute.DistributedDataset:
        """The batches, of each a part for every replica.

        Every worker makes the whole batch and keeps its rows: the random numbers are those of one process.
        """
        mine = range(self.workers.number * self.local, (self.workers.number + 1) * self.local)
        of_all = self.strategy.distribute_datasets_from_function(
            lambda _: batches.shares(self.replicas, mine).prefetch(4 * self.local)
        )
        of_all._cardinality = len(
            batches
        )  # it counts each replica's part; for Keras, a batch more would be a step more
        return of_all

    def seed(self, epoch: int) -> None:
        """Lets each replica drop others than its neighbours do: what depends on the seed, the epoch and the replica."""
        self._set_seeds(tf.constant(epoch, tf.int64))

    def _set_seeds_of_all(self, epoch: tf.Tensor) -> None:
        def of_a_replica():
            replica = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int64)
            start = (epoch * 2**16 + replica * 2**24) % 2**32
            for state in self.model.variables:
                if state.path.endswith("seed_generator_state"):
                    first = tf.cast(state.value, tf.int64)[0]
                    state.assign(tf.cast(tf.stack([first, start]), state.value.dtype))

        self.strategy.run(of_a_replica)

    def told(self, content: bytes) -> bytes:
        """What worker 0 has as `content`, at every worker."""
        if not self.workers.addresses:
            return content
        size = int(self._of_the_first(np.array([len(content)], np.int32))[0])
        whole = -(-size // 4) * 4
        return self._of_the_first(np.frombuffer(content[:whole].ljust(whole, b"\0"), np.int32)).tobytes()[:size]

    def _of_the_first(self, values: np.ndarray) -> np.ndarray:
        """int32 values of worker 0, at every worker: their sum with zeros of the others."""
        return self._sum_of_all(tf.constant(values if self.workers.first else np.zeros_like(values))).numpy()

    def _sum_of_all_workers(self, values: tf.Tensor) -> tf.Tensor:
        def of_a_replica(values):
            context = tf.distribute.get_replica_context()
            first = tf.equal(context.replica_id_in_sync_group % self.local, 0)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.where(first, values, 0))

        return self.strategy.experimental_local_results(self.strategy.run(of_a_replica, args=(values,)))[0]

    def expect_equal(self, settings: dict[str, Any]) -> None:
        """DataError if worker 0 has other settings."""
        theirs = json.loads(self.told(json.dumps(settings).encode()))
        for name, value in json.loads(json.dumps(settings)).items():
            if theirs.get(name) != value:
                raise DataError(
                    f"expected the data and flags of worker 0 ({name} {theirs.get(name)}), got {name} {value}: give "
                    "all workers the same"
                )


def rows_of(inputs: Any) -> tf.Tensor:
    """How many rows there are in inputs of which the first is by row."""
    return tf.shape(tf.nest.flatten(inputs)[0])[0]


def counted(loss: keras.losses.Loss, reduction: str, targets: Any, outputs: Any, weights: Any) -> tf.Tensor:
    """By what a loss of that reduction divides a sum, float32 (): how many losses aren't masked, or the sum of their
    weights."""
    losses = loss.call(tf.convert_to_tensor(targets), outputs)
    masks = [mask for mask in (getattr(each, "_keras_mask", None) for each in (outputs, losses)) if mask is not None]
    of_each = tf.ones_like(losses)
    for mask in masks:
        of_each *= tf.cast(mask, of_each.dtype)
    if reduction == "mean_with_sample_weight" and weights is not None:
        of_each *= tf.cast(weights, of_each.dtype)
    return tf.reduce_sum(of_each)
