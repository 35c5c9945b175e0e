"""The cures: how each is applied and helps, who found it, what it can make worse; `cures` fills in words in braces."""

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


def _same(line: str, why: str, source: str, side_effect: str, shell: str = "") -> Entry:
    """A cure that is the same line for a task of rnnkit and for any other model."""
    return Entry(line, line, why, source, side_effect, shell)


TABLE = {
    "clipping": _same(
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
        "it goes on shrinking, and causes vanishing gradients.",
        shell="--set recurrent_regularizer=l2",
        argument="recurrent_regularizer",
    ),
    "no penalty": Entry(
        "recurrent_regularizer=None",
        "{layer}(units, recurrent_regularizer=None)",
        "L1 and L2 shrink the recurrent kernel at every step, and with it every error on its way back.",
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
    "lower learning rate": Entry(
        "model.compile(optimizer={optimizer}({lower:.1g}))",
        "model.compile(optimizer={optimizer}({lower:.1g}), loss=...)",
        "Updates that are small compared with the weights keep what was learned before.",
        "Bengio, Practical recommendations for gradient-based training of deep architectures, 2012",
        "training takes longer, and one that is too low stands still.",
        shell="--set learning_rate={lower:.1g}",
    ),
    "higher learning rate": Entry(
        "model.compile(optimizer={optimizer}({higher:.1g}))",
        "model.compile(optimizer={optimizer}({higher:.1g}), loss=...)",
        "The weights hardly move.",
        "Bengio, Practical recommendations for gradient-based training of deep architectures, 2012",
        "updates that are large compared with the weights destroy what was learned.",
        shell="--set learning_rate={higher:.1g}",
    ),
    "fresh weights": Entry(
        "recurrent_initializer={plain_start}  # in a new model",
        '{layer}(units, kernel_initializer="glorot_uniform")',
        "Weights of zero pass nothing on, and all units get the same gradient.",
        "Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010",
        "if a penalty has made them zero, it will do so again: lower it.",
        shell="--set recurrent_initializer={plain_start}",
        argument="kernel_initializer",
    ),
    "normalization": _same(
        "normalization = keras.layers.Normalization(); normalization.adapt(x_train)  # in front of the first layer",
        "Each feature gets mean 0 and deviation 1, from the training data, and is comparable with the others.",
        "LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998",
        "what is far outside of the training data stays so; a series that drifts is better given as differences.",
    ),
    "rescaling": _same(
        "x = keras.layers.Rescaling({shrink:.1g})(x)  # right in front of the recurrent layer",
        "What layers in front have made large comes to a size at which gates can move, and all of it stays.",
        "LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998",
        "training can make it large again: start the layers in front with smaller weights.",
    ),
    "scale the target": _same(
        "mean, scale = y_train.mean(), y_train.std(); model.fit(x_train, (y_train - mean) / scale)"
        "  # and predict(x) * scale + mean",
        "Answers start around 0, and steps of a usual size reach a target of deviation 1.",
        "LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998",
        "losses and metrics are in deviations of the target from then on.",
    ),
    "linear output": _same(
        "keras.layers.Dense(units)  # the last layer, without an activation",
        "Answers can be any number, and so reach every target.",
        "Bishop, Pattern recognition and machine learning, 2006, section 5.2",
        "nothing keeps answers within bounds that targets may have.",
    ),
    "target into reach": _same(
        "low, high = y_train.min(), y_train.max(); model.fit(x_train, (y_train - low) / (high - low))"
        "  # and predict(x) * (high - low) + low",
        "Targets from 0 to 1 are what the last activation can answer.",
        "Bishop, Pattern recognition and machine learning, 2006, section 5.2",
        "targets beyond those of training stay out of reach.",
    ),
    "drop broken rows": _same(
        "finite = [np.isfinite(each).reshape(len(each), -1).all(axis=1) for each in (x, y)]; "
        "keep = finite[0] & finite[1]; x, y = x[keep], y[keep]",
        "One number that is not finite makes the loss, every gradient and then every weight NaN.",
        "IEEE 754",
        "sequences are lost; fill the gaps with care instead where they are many.",
    ),
    "guard": _same(
        'model.fit(..., callbacks=[rnnkit.callbacks.GradientGuard("skip")])  # from earlier weights',
        "Weights that are not finite cannot be trained any further; a guard refuses each step that would make them so.",
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        "the batches of refused steps are lost.",
    ),
    "loss with a derivative": _same(
        'model.compile(optimizer, loss="mse")  # or keep a root or a logarithm away from 0: ops.sqrt(x + 1e-12)',
        "The derivative of a root or a logarithm is infinite at 0, where an error can be.",
        "Goodfellow, Bengio and Courville, Deep learning, 2016, chapter 4",
        "the loss is in other units.",
    ),
    "open the path": _same(
        "{opened}",
        "A gradient passes only what has a derivative; without one, no weight before it is ever changed.",
        "Bengio, Leonard and Courville, Estimating or propagating gradients through stochastic neurons, 2013",
        "{opened_effect}",
    ),
    "read the last state": _same(
        "{layer}(units)  # without return_sequences, so that what comes after it reads its last state",
        "Only the last state has seen all steps.",
        "Cho et al., Learning phrase representations using RNN encoder-decoder, 2014",
        "one state has to hold all that the answer needs.",
    ),
    "mask": _same(
        "keras.layers.Masking()  # right in front of the recurrent layer; for words Embedding(..., mask_zero=True)",
        "The recurrence passes over masked steps, and its last state is that of the last real step.",
        "Keras, Understanding masking and padding",
        "a mask can keep a layer from the fastest kernel, and is lost in layers that do not know of it.",
    ),
    "padding in front": _same(
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
    "sort by time": _same(
        "order = np.argsort(times, axis=1); x = np.take_along_axis(x, order[:, :, None], axis=1)",
        "A recurrent network reads steps in their order; a shuffled series is a bag of numbers to it.",
        "Elman, Finding structure in time, 1990",
        "none, if the steps have an order.",
    ),
    "check the labels": _same(
        "for row in np.random.permutation(len(x_train))[:10]: print(x_train[row], y_train[row])",
        "Where rows of x and y do not belong together, no network can learn more than the mean.",
        "Karpathy, A recipe for training neural networks, 2019",
        "none.",
    ),
    "lower dropout": Entry(
        "dropout={less_dropout:.1g}",
        "keras.layers.Dropout({less_dropout:.1g})",
        "The network learns with more of its units, and its training loss can come down to the validation loss.",
        "Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, 2014",
        "it may overfit: watch the validation loss.",
        shell="--set dropout={less_dropout:.1g}",
    ),
    "more units": Entry(
        "units=256",
        "{layer}(256)",
        "With dropout only a part of the units is there at each step.",
        "Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, 2014",
        "a step takes longer.",
        shell="--set units=256",
    ),
    "early stopping": Entry(
        'model.fit(..., epochs="auto")',
        "model.fit(..., callbacks=[keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)])",
        "Training ends where the validation loss is lowest.",
        "Prechelt, Early stopping - but when?, 1998",
        "it needs validation data, and may end before a late improvement.",
    ),
    "dropout": Entry(
        "dropout=0.3",
        "keras.layers.Dropout(0.3)  # after each recurrent layer",
        "No unit can rely on another, so that less is learned by heart.",
        "Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, 2014",
        "training takes more epochs.",
        shell="--set dropout=0.3",
    ),
}
