"""The cures: how each is applied, how it helps, who found it, and what it can make worse.

Words in braces are filled in by `cures`: `{layer}` is the Keras layer of the cell in trouble, `{lag}` the steps to be
reached, `{threshold}` and the learning rates come from the records where there are any.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A cure as it stands in the table: `task` and `own` are its line for a task and for a Keras model of one's own."""

    task: str
    own: str
    why: str
    source: str
    side_effect: str


TABLE = {
    "clipping": Entry(
        'model.fit(..., callbacks=[rnnkit.callbacks.GradientClipping("global_norm", {threshold:.2g})])',
        'model.fit(..., callbacks=[rnnkit.callbacks.GradientClipping("global_norm", {threshold:.2g})])',
        "A single huge gradient can no longer throw the weights far away.",
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        "a threshold that is too low slows the training down, and the directions of exploding gradients stay useless.",
    ),
    "spectral cap": Entry(
        "recurrent_constraint=rnnkit.constraints.SpectralCap({limit:g})",
        "{layer}(units, recurrent_constraint=rnnkit.constraints.SpectralCap({limit:g}))",
        "With no singular value above 1 / max|phi'| of the activation no gradient of a simple RNN can explode.",
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        "what is capped can still vanish, and every step costs a singular value decomposition.",
    ),
    "orthogonal start": Entry(
        'recurrent_initializer="{orthogonal}"',
        "{layer}(units, recurrent_initializer={orthogonal_start})",
        "An orthogonal kernel keeps the length of what passes through it, in all directions.",
        "Henaff, Szlam and LeCun, Recurrent orthogonal networks and long-memory tasks, 2016",
        "it is a start only: training may leave it again, and what should be forgotten is kept at first.",
    ),
    "soft orthogonality": Entry(
        "recurrent_regularizer=rnnkit.regularizers.SoftOrthogonality(0.01)",
        "{layer}(units, recurrent_regularizer=rnnkit.regularizers.SoftOrthogonality(0.01))",
        "It pulls every singular value of the recurrent kernel towards 1 during training.",
        "Vorontsov, Trabelsi, Kadoury and Pal, On orthogonality and learning recurrent networks, 2017",
        "a strong one leaves the kernel no freedom, and in gated cells it governs each gate and not their product.",
    ),
    "gated cell": Entry(
        'cell="gru", recurrent_initializer=rnnkit.initializers.Chrono(max_lag={lag})',
        'keras.layers.GRU(units, bias_initializer=rnnkit.initializers.Chrono("zrh", max_lag={lag}))',
        "Its update gate can hold a state, and starts with units that hold theirs up to {lag} steps.",
        "Cho et al., Learning phrase representations using RNN encoder-decoder, 2014; Tallec and Ollivier 2018",
        "three times the weights and the time of a step, and units that hold on learn short patterns more slowly.",
    ),
    "chrono start": Entry(
        "recurrent_initializer=rnnkit.initializers.Chrono(max_lag={lag})",
        "{layer}(units, {chrono})",
        "Gate biases start so that each unit holds its state for its own time, between 1 and {lag} steps.",
        "Tallec and Ollivier, Can recurrent neural networks warp time?, 2018",
        "units that hold on learn short patterns more slowly.",
    ),
    "relu": Entry(
        'activation="relu", recurrent_initializer="orthogonal"',
        '{layer}(units, activation="relu", recurrent_initializer="orthogonal")',
        "Where a unit is active relu hands errors on as they are; no state is so large that they fade on their way.",
        "Le, Jaitly and Hinton, A simple way to initialize recurrent networks of rectified linear units, 2015",
        "relu states can explode: lower the learning rate, and clip the gradient as well.",
    ),
    "Omega": Entry(
        "omega=4.0",
        "rnnkit.layers.OmegaRNN(keras.layers.SimpleRNNCell(units), omega=4.0)",
        "It penalises errors that shrink or grow from one step to the step before.",
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        "a step takes twice as long, and a kernel held at the edge can explode: clip the gradient as well.",
    ),
    "gradient penalty": Entry(
        "gradient_penalty=0.01",
        'rnnkit.layers.RecurrentStack("{cell}", units, gradient_penalty=0.01)',
        "It holds down how strongly the outputs follow the inputs, through all steps together.",
        "Hoffman, Roberts and Yaida, Robust learning with Jacobian regularization, 2019",
        "it holds long memories down as well, and a step takes about three times as long.",
    ),
    "L2 penalty": Entry(
        'recurrent_regularizer="l2"',
        '{layer}(units, recurrent_regularizer="l2")',
        "It shrinks the recurrent kernel, and so the factor a step.",
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        "it goes on shrinking, and causes vanishing gradients.",
    ),
    "no penalty": Entry(
        "recurrent_regularizer=None",
        "{layer}(units, recurrent_regularizer=None)",
        "L1 and L2 shrink the recurrent kernel at every step, and with it every error on its way back.",
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        "nothing holds exploding gradients and overfitting back any longer: watch both.",
    ),
    "bias start": Entry(
        "recurrent_initializer={plain_start}  # in a new model: its biases start at zero",
        '{layer}(units, bias_initializer="zeros")',
        "Without large biases the gates start where they can move.",
        "Jozefowicz, Zaremba and Sutskever, An empirical exploration of recurrent network architectures, 2015",
        "a memory that was set by large biases on purpose gets shorter.",
    ),
    "layer normalisation": Entry(
        "layer_norm=True",
        "{layer}(units)(keras.layers.LayerNormalization()(x))",
        "Inputs of the layer keep a size at which its gates can move.",
        "Ba, Kiros and Hinton, Layer normalization, 2016",
        "the size of a whole input step is lost, which hurts where it means something, and a step takes longer.",
    ),
    "residual and layer normalisation": Entry(
        "residual=True, layer_norm=True",
        "x = x + {layer}(units, return_sequences=True)(keras.layers.LayerNormalization()(x))",
        "Signals and errors pass each layer unchanged by the way around it, so that depth costs nothing at first.",
        "He, Zhang, Ren and Sun, Deep residual learning for image recognition, 2016; Ba, Kiros and Hinton 2016",
        "layers can stay unused, and a step takes longer.",
    ),
    "lower learning rate": Entry(
        "model.compile(optimizer={optimizer}({lower:.1g}))",
        "model.compile(optimizer={optimizer}({lower:.1g}), loss=...)",
        "Updates that are small beside the weights keep what was learned before.",
        "Bengio, Practical recommendations for gradient-based training of deep architectures, 2012",
        "training takes longer, and one that is too low stands still.",
    ),
    "higher learning rate": Entry(
        "model.compile(optimizer={optimizer}({higher:.1g}))",
        "model.compile(optimizer={optimizer}({higher:.1g}), loss=...)",
        "The weights hardly move.",
        "Bengio, Practical recommendations for gradient-based training of deep architectures, 2012",
        "updates that are large beside the weights destroy what was learned.",
    ),
    "fresh weights": Entry(
        "recurrent_initializer={plain_start}  # in a new model",
        '{layer}(units, kernel_initializer="glorot_uniform")',
        "Weights of zero pass nothing on, and all units get the same gradient.",
        "Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010",
        "if a penalty has made them zero, it will do so again: lower it.",
    ),
}
