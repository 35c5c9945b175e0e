"""Cures in the data and in how a network is trained, in the form of `cure_table`."""

from rnnkit.diagnosis.cure_table import Entry, same

TRAINING = {
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
    "normalization": same(
        "normalization = keras.layers.Normalization(); normalization.adapt(x_train)  # in front of the first layer",
        "Each feature gets mean 0 and deviation 1, from the training data, and is comparable with the others.",
        "LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998",
        "what is far outside of the training data stays so; a series that drifts is better given as differences.",
    ),
    "rescaling": same(
        "x = keras.layers.Rescaling({shrink:.1g})(x)  # right in front of the recurrent layer",
        "What layers in front have made large comes to a size at which gates can move, and all of it stays.",
        "LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998",
        "training can make it large again: start the layers in front with smaller weights.",
    ),
    "scale the target": same(
        "mean, scale = y_train.mean(), y_train.std(); model.fit(x_train, (y_train - mean) / scale)"
        "  # and predict(x) * scale + mean",
        "Answers start around 0, and steps of a usual size reach a target of deviation 1.",
        "LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998",
        "losses and metrics are in deviations of the target from then on.",
    ),
    "linear output": same(
        "keras.layers.Dense(units)  # the last layer, without an activation",
        "Answers can be any number, and so reach every target.",
        "Bishop, Pattern recognition and machine learning, 2006, section 5.2",
        "nothing keeps answers within bounds that targets may have.",
    ),
    "target into reach": same(
        "low, high = y_train.min(), y_train.max(); model.fit(x_train, (y_train - low) / (high - low))"
        "  # and predict(x) * (high - low) + low",
        "Targets from 0 to 1 are what the last activation can answer.",
        "Bishop, Pattern recognition and machine learning, 2006, section 5.2",
        "targets beyond those of training stay out of reach.",
    ),
    "drop broken rows": same(
        "finite = [np.isfinite(each).reshape(len(each), -1).all(axis=1) for each in (x, y)]; "
        "keep = finite[0] & finite[1]; x, y = x[keep], y[keep]",
        "One number that is not finite makes the loss, every gradient and then every weight NaN.",
        "IEEE 754",
        "sequences are lost; fill the gaps with care instead where they are many.",
    ),
    "guard": same(
        'model.fit(..., callbacks=[rnnkit.callbacks.GradientGuard("skip")])  # from earlier weights',
        "Weights that are not finite cannot be trained any further; a guard refuses each step that would make them so.",
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        "the batches of refused steps are lost.",
    ),
    "loss with a derivative": same(
        'model.compile(optimizer, loss="mse")  # or keep a root or a logarithm away from 0: ops.sqrt(x + 1e-12)',
        "The derivative of a root or a logarithm is infinite at 0, where an error can be.",
        "Goodfellow, Bengio and Courville, Deep learning, 2016, chapter 4",
        "the loss is in other units.",
    ),
    "sort by time": same(
        "order = np.argsort(times, axis=1); x = np.take_along_axis(x, order[:, :, None], axis=1)",
        "A recurrent network reads steps in their order; a shuffled series is a bag of numbers to it.",
        "Elman, Finding structure in time, 1990",
        "none, if the steps have an order.",
    ),
    "check the labels": same(
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
