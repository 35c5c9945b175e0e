"""Gradients of a stack that is not training, as saliency and adversarial examples take them."""

import pytest
import tensorflow as tf

from rnnkit.layers import RecurrentStack


def loops(graph):
    """The operations in bodies of while loops of a traced graph."""
    functions = graph.as_graph_def().library.function
    return [node.op for each in functions if "while" in each.signature.name for node in each.node_def]


@pytest.mark.parametrize("cell", ["lstm", "slstm", "lru"])
def test_it_costs_no_slice_a_step_and_a_stack_may_be_built_within_a_graph(cell):
    """TensorFlow's gradient of a slice is as long as what it is cut from: in a loop the square of the steps."""
    stack = RecurrentStack(cell, units=4)

    @tf.function(input_signature=[tf.TensorSpec((None, None, 3))])
    def saliency(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = stack(x, training=False)
        return tape.gradient(outputs, x)

    operations = loops(saliency.get_concrete_function().graph)
    assert "StridedSliceGrad" not in operations
    assert operations or cell == "lru"
    assert saliency(tf.ones((2, 5, 3))).shape == (2, 5, 3)
