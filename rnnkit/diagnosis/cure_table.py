"""Cures in the network: how each is applied and helps, who found it, what it can make worse.

`cures` fills in the words in braces.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A cure as it stands in the table.

    Attributes:
        task, own: a line of Python for a task of rnnkit, and for a Keras model of one's own.
        shell: options to add to `rnnkit run TASK`; empty where the shell has none.
        why: how it helps.
        source, side_effect: the paper, or the page of Keras' documentation; what it can make worse.
        argument: of the cell's constructor, which not every cell takes.
    """

    task: str
    own: str
    why: str
    source: str
    side_effect: str
    shell: str = ""
    argument: str = ""


def same(line: str, why: str, source: str, side_effect: str, shell: str = "") -> Entry:
    """A cure that is the same line for a task of rnnkit and for any other model."""
    return Entry(line, line, why, source, side_effect, shell)


NETWORK = {
    "clipping": same(
        'model.fit(..., callbacks=[rnnkit.callbacks.GradientClipping("global_norm", {threshold:.2g})])',
        "A single huge gradient can no longer throw the weights far away.",
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        "a threshold that is too low slows the training down, and the directions of exploding gradients stay useless.",
        "--clip global_norm:{threshold:.2g}",
    ),
    "spectral cap": Entry(
        "recurrent_constraint=rnnkit.constraints.SpectralCap({limit:g})",
        "{layer}(units, recurrent_constraint=rnnkit.constraints.SpectralCap({limit:g}))",
        "With no singular value above 1 / max|phi'| of the activation no gradient of a simple RNN can explode.",
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        "what is capped can still vanish, and every step costs a singular value decomposition.",
        shell="--set recurrent_constraint=spectral_cap",
        argument="recurrent_constraint",
    ),
    "orthogonal initialiser": Entry(
        'recurrent_initializer="{orthogonal}"',
        "{layer}(units, recurrent_initializer={orthogonal_start})",
        "An orthogonal kernel keeps the length of what passes through it, in all directions.",
        "Henaff, Szlam and LeCun, Recurrent orthogonal networks and long-memory tasks, 2016",
        "it is a start only: training may leave it again, and what should be forgotten is kept at first.",
        shell="--set recurrent_initializer={orthogonal}",
        argument="recurrent_initializer",
    ),
    "soft orthogonality": Entry(
        "recurrent_regularizer=rnnkit.regularizers.SoftOrthogonality(0.01)",
        "{layer}(units, recurrent_regularizer=rnnkit.regularizers.SoftOrthogonality(0.01))",
        "It pulls every singular value of the recurrent kernel towards 1 during training.",
        "Vorontsov, Trabelsi, Kadoury and Pal, On orthogonality and learning recurrent networks, 2017",
        "a strong one leaves the kernel no freedom, and in gated cells it governs each gate and not their product.",
        shell="--set recurrent_regularizer=soft_orthogonality",
        argument="recurrent_regularizer",
    ),
    "gated cell": Entry(
        'cell="gru", recurrent_initializer=rnnkit.initializers.Chrono(max_lag={lag})',
        'keras.layers.GRU(units, bias_initializer=rnnkit.initializers.Chrono("zrh", max_lag={lag}))',
        "Its update gate can hold a state, and starts with units that hold theirs up to {lag} steps.",
        "Cho et al., Learning phrase representations using RNN encoder-decoder, 2014; Tallec and Ollivier 2018",
        "three times the weights and the time of a step, and units that hold on learn short patterns more slowly.",
        shell="--cell gru --set recurrent_initializer=chrono",
    ),
    "chrono initialisation": Entry(
        "recurrent_initializer=rnnkit.initializers.Chrono(max_lag={lag})",
        "{layer}(units, {chrono})",
        "Gate biases start so that each unit holds its state for its own time, between 1 and {lag} steps.",
        "Tallec and Ollivier, Can recurrent neural networks warp time?, 2018",
        "units that hold on learn short patterns more slowly.",
        shell="--set recurrent_initializer=chrono",
        argument="bias_initializer",
    ),
    "relu": Entry(
        'activation="relu", recurrent_initializer="orthogonal"',
        '{layer}(units, activation="relu", recurrent_initializer="orthogonal")',
        "Where a unit is active relu hands errors on as they are; no state is so large that they fade on their way.",
        "Le, Jaitly and Hinton, A simple way to initialize recurrent networks of rectified linear units, 2015",
        "relu states can explode: lower the learning rate, and clip the gradient as well.",
        shell="--set activation=relu --set recurrent_initializer=orthogonal",
        argument="activation",
    ),
    "Omega": Entry(
        "omega=4.0",
        "rnnkit.layers.OmegaRNN(keras.layers.SimpleRNNCell(units), omega=4.0)",
        "It penalises errors that shrink or grow from one step to the step before.",
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        "a step takes twice as long, and a kernel held at the edge can explode: clip the gradient as well.",
        shell="--set omega=4.0",
    ),
    "gradient penalty": Entry(
        "gradient_penalty=0.01",
        'rnnkit.layers.RecurrentStack("{cell}", units, gradient_penalty=0.01)',
        "It holds down how strongly the outputs follow the inputs, through all steps together.",
        "Hoffman, Roberts and Yaida, Robust learning with Jacobian regularization, 2019",
        "it holds long memories down as well, and a step takes about three times as long.",
        shell="--set gradient_penalty=0.01",
    ),
    "L2 penalty": Entry(
        'recurrent_regularizer="l2"',
        '{layer}(units, recurrent_regularizer="l2")',
        "It shrinks the recurrent kernel, and so the factor per step.",
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        "it keeps shrinking, and causes vanishing gradients.",
        shell="--set recurrent_regularizer=l2",
        argument="recurrent_regularizer",
    ),
    "no penalty": Entry(
        "recurrent_regularizer=None",
        "{layer}(units, recurrent_regularizer=None)",
        "L1 and L2 shrink the recurrent kernel at every step, and with it the backpropagated gradient.",
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        "nothing holds exploding gradients and overfitting back any longer: watch both.",
        argument="recurrent_regularizer",
    ),
    "bias initializer": Entry(
        "recurrent_initializer={plain_start}  # in a new model: its biases start at zero",
        '{layer}(units, bias_initializer="zeros")',
        "Without large biases the gates start where they can move.",
        "Jozefowicz, Zaremba and Sutskever, An empirical exploration of recurrent network architectures, 2015",
        "a memory that was set by large biases on purpose gets shorter.",
        shell="--set recurrent_initializer={plain_start}",
        argument="bias_initializer",
    ),
    "layer normalisation": Entry(
        "layer_norm=True",
        "x = keras.layers.LayerNormalization()(x)  # right in front of the recurrent layer",
        "Inputs of the layer keep a size at which its gates can move.",
        "Ba, Kiros and Hinton, Layer normalization, 2016",
        "the size of a whole input step is lost, which hurts where it means something, and a step takes longer.",
        shell="--set layer_norm=true",
    ),
    "residual and layer normalisation": Entry(
        "residual=True, layer_norm=True",
        "x = x + {layer}(units, return_sequences=True)(keras.layers.LayerNormalization()(x))",
        "Signals and errors pass each layer unchanged by the way around it, so that depth costs nothing at first.",
        "He, Zhang, Ren and Sun, Deep residual learning for image recognition, 2016; Ba, Kiros and Hinton 2016",
        "layers can stay unused, and a step takes longer.",
        shell="--set residual=true --set layer_norm=true",
    ),
    "open the path": same(
        "{opened}",
        "A gradient passes only what has a derivative; without one, no weight before it is ever changed.",
        "Bengio, Leonard and Courville, Estimating or propagating gradients through stochastic neurons, 2013",
        "{opened_effect}",
    ),
    "read the last state": same(
        "{layer}(units)  # without return_sequences, so that what comes after it reads its last state",
        "Only the last state has seen all steps.",
        "Cho et al., Learning phrase representations using RNN encoder-decoder, 2014",
        "one state has to hold all that the answer needs.",
    ),
    "mask": same(
        "keras.layers.Masking()  # right in front of the recurrent layer; for words Embedding(..., mask_zero=True)",
        "The recurrence passes over masked steps, and its last state is that of the last real step.",
        "Keras, Understanding masking and padding",
        "a mask can keep a layer from the fastest kernel, and is lost in layers that do not know of it.",
    ),
    "padding in front": same(
        'x = keras.utils.pad_sequences(sequences, padding="pre", dtype="float32")',
        "The last state is that of the last real step.",
        "Keras, Understanding masking and padding",
        "the recurrence starts with steps that mean nothing.",
    ),
    "tanh": Entry(
        'activation="tanh"',
        '{layer}(units, activation="tanh")',
        "A bounded candidate keeps the state of a gated cell from growing from step to step.",
        "Hochreiter and Schmidhuber, Long short-term memory, 1997",
        "values are squashed: scale inputs and targets.",
        shell="--set activation=tanh",
        argument="activation",
    ),
    "fewer layers": Entry(
        "layers=2",
        "{layer}(units)  # one or two of them in place of {depth}",
        "A gradient has fewer layers to come through.",
        "Pascanu, Gulcehre, Cho and Bengio, How to construct deep recurrent neural networks, 2014",
        "less can be represented.",
        shell="--layers 2",
    ),
}
