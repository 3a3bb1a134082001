"""The loop with fewer iterations: some steps in each, because TensorFlow takes as long to come round a loop as for
several small operators."""

import tensorflow as tf

STEPS = 8  # in an iteration


def loop_in_few_iterations(step, sequences, states, go_backwards, return_all_outputs):
    """`sequence.while_loop`, as a loop over `STEPS` steps at a time and one over the steps that are left."""
    time = sequences[0].shape[0]
    time = tf.shape(sequences[0])[0] if time is None else time

    def array_of(tensor, element_shape):
        return tf.TensorArray(tensor.dtype, size=time, element_shape=element_shape)

    arrays = [array_of(sequence, sequence.shape[1:]).unstack(sequence) for sequence in sequences]
    outputs = [array_of(states[0], states[0].shape)] if return_all_outputs else []

    def steps(number):
        def body(count, states, outputs):
            for _ in range(number):
                now = time - 1 - count if go_backwards else count
                states = list(step(*(array.read(now) for array in arrays), states))
                outputs = [array.write(count, states[0]) for array in outputs]
                count += 1
            return count, states, outputs

        return body

    variables = (tf.constant(0), list(states), outputs)
    for number, most in ((STEPS, time // STEPS), (1, time if isinstance(time, int) and time < STEPS else STEPS - 1)):
        if isinstance(time, int) and (most == 0 or (number == 1 and time % STEPS == 0)):
            continue
        variables = tf.while_loop(
            lambda count, *_, number=number: count <= time - number, steps(number), variables, maximum_iterations=most
        )
    _, states, outputs = variables
    return states, outputs[0].stack() if return_all_outputs else None
