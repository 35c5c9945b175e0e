import keras
import pytest

import rnnkit
from rnnkit.layers import RecurrentStack
from rnnkit.recurrent.kernel_choice import cudnn_obstacles, kernel
from rnnkit.recurrent.table import cell_names


@pytest.mark.parametrize(
    ("layer", "obstacle"),
    [
        (keras.layers.LSTM(2, activation="relu"), "activation is relu, not tanh"),
        (keras.layers.LSTM(2, recurrent_activation="hard_sigmoid"), "recurrent_activation is hard_sigmoid"),
        (keras.layers.GRU(2, unroll=True), "unroll is on"),
        (keras.layers.GRU(2, use_bias=False), "use_bias is off"),
        (keras.layers.GRU(2, reset_after=False), "reset_after is off"),
        (keras.layers.LSTM(2, recurrent_dropout=0.1), "recurrent_dropout is on"),
        (keras.layers.LSTM(2, use_cudnn=False), "use_cudnn is off"),
        (keras.layers.SimpleRNN(2), "no kernel for SimpleRNN"),
        (keras.layers.RNN(keras.layers.LSTMCell(2)), "no kernel for RNN"),
    ],
)
def test_each_condition_of_cudnn_is_named(layer, obstacle):
    assert any(obstacle in found for found in cudnn_obstacles(layer))
    assert kernel(layer, gpu=True).kernel == "loop"
    assert obstacle in kernel(layer, gpu=True).reason


@pytest.mark.parametrize(("cell", "expected"), [("lstm", "cudnn"), ("gru", "cudnn"), ("simple_rnn", "loop")])
def test_the_stacks_layers_are_fit_for_cudnn(cell, expected):
    for block in RecurrentStack(cell, 2, 2, bidirectional=True, dropout=0.5, layer_norm=True).blocks:
        for direction in ("forward", "backward"):
            assert kernel(block[direction], gpu=True).kernel == expected


@pytest.mark.parametrize("cell", cell_names())
def test_every_recurrent_layer_of_a_model_is_listed(cell):
    x = keras.Input((None, 3))
    y = RecurrentStack(cell, 2, 2, bidirectional=True)(x)
    model = keras.Sequential([keras.Model(x, y), keras.layers.Bidirectional(keras.layers.LSTM(2))])
    model.build((None, None, 3))
    found = rnnkit.kernels(model)
    assert len(found) == 6
    fused = cell in ("simple_rnn", "lstm", "gru", "indrnn", "slstm")
    ours = "fused: no GPU is in use" if fused else "scan: no GPU is in use: blocks in turn"
    stock = "loop: no GPU is in use; only the recurrent layers of rnnkit.layers have another loop"
    assert [str(each) for each in found.values()] == [ours] * 4 + [stock] * 2


@pytest.mark.parametrize("cell", ["min_gru", "min_lstm"])
def test_parallel_cells_run_as_a_scan_unless_something_else_runs_their_cell(cell):
    (block,) = RecurrentStack(cell, 2).blocks
    assert str(kernel(block["forward"], gpu=True)) == "scan: a GPU is in use: blocks side by side"
    (block,) = RecurrentStack(cell, 2, bptt_steps=3).blocks
    assert kernel(block["forward"], gpu=False).kernel == "loop"
