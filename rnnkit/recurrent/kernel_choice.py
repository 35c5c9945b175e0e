"""Which kernel each recurrent layer runs on, and why."""

from typing import NamedTuple

import keras

from rnnkit import compat
from rnnkit.recurrent.devices import gpu_in_use, is_deterministic
from rnnkit.recurrent.fused_rnn import FusedRNN, fused_obstacles
from rnnkit.recurrent.parallel_rnn import ParallelRNN
from rnnkit.recurrent.scan_cells import ScanCell


class Kernel(NamedTuple):
    """The kernel of one recurrent layer, and the reason.

    `"cudnn"`; `"fused"`, rnnkit's loop on a CPU, with one product over all steps for the inputs and for the gradients
    of the weights; `"scan"`, the elementwise recurrence of a parallel cell; or `"loop"`, Keras' generic loop over time.
    """

    kernel: str
    reason: str

    def __str__(self) -> str:
        return f"{self.kernel}: {self.reason}"


def kernels(model: keras.Model) -> dict[str, Kernel]:
    """The kernel of every recurrent layer of a model, by the layer's path.

    cuDNN runs an LSTM or GRU on a GPU if the layer has the activations, bias and options that it was made for, and
    rnnkit's own loop runs its LSTM, GRU and SimpleRNN on a CPU; a parallel cell runs as a scan; all else in Keras' loop
    over time. rnnkit's stacks pass no mask to the kernel, so masks never stand in the way there; a layer of your own
    that gets one runs in Keras' loop for that call.

    Examples:
        >>> import keras
        >>> import rnnkit
        >>> model = keras.Sequential([keras.Input((None, 4)), rnnkit.layers.LSTM(8, name="lstm")])
        >>> [kernel.kernel for kernel in rnnkit.kernels(model).values()]
        ['fused']
    """
    gpu = gpu_in_use()
    return {layer.path: kernel(layer, gpu=gpu) for layer in recurrent_layers(model)}


def recurrent_layers(model: keras.Model) -> list[keras.layers.RNN]:
    """Every recurrent layer of a model, however deep it is nested, in the order of the model's layers."""
    return [layer for layer in compat.layers_of(model) if isinstance(layer, keras.layers.RNN)]


def kernel(layer: keras.layers.RNN, *, gpu: bool) -> Kernel:
    """The kernel that `layer` runs on, with or without a GPU."""
    if isinstance(layer, ParallelRNN):
        wide = gpu and isinstance(layer.cell, ScanCell)
        return Kernel("scan", f"{'a' if gpu else 'no'} GPU is in use: blocks {'side by side' if wide else 'in turn'}")
    if gpu:
        obstacles = cudnn_obstacles(layer)
        return Kernel("loop", "; ".join(obstacles)) if obstacles else Kernel("cudnn", "all of cuDNN's conditions hold")
    obstacles = fused_obstacles(layer)
    return Kernel("loop" if obstacles else "fused", "; ".join(["no GPU is in use", *obstacles]))


def cudnn_obstacles(layer: keras.layers.RNN) -> list[str]:
    """What keeps a recurrent layer from cuDNN, in words; empty if nothing does."""
    if not isinstance(layer, (keras.layers.LSTM, keras.layers.GRU)):
        return [f"cuDNN has no kernel for {type(layer).__name__}"]
    conditions = {
        f"activation is {_name(layer.activation)}, not tanh": layer.activation is keras.activations.tanh,
        f"recurrent_activation is {_name(layer.recurrent_activation)}, not sigmoid": (
            layer.recurrent_activation is keras.activations.sigmoid
        ),
        "unroll is on": not layer.unroll,
        "use_bias is off": layer.use_bias,
        "recurrent_dropout is on": not layer.recurrent_dropout,
        "reset_after is off": not isinstance(layer, keras.layers.GRU) or layer.reset_after,
        "use_cudnn is off": layer.use_cudnn is not False,
        "operations are deterministic": not (isinstance(layer, FusedRNN) and is_deterministic()),
    }
    return [obstacle for obstacle, holds in conditions.items() if not holds]


def _name(function) -> str:
    return getattr(function, "__name__", str(function))
