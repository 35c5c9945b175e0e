"""Losses of a classifier on its texts moved a little, and on texts without labels. For TensorFlow.

Legend: `B` batch, `T` steps, `D` size of a token's vector, `C` classes.
"""

import keras
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import is_number, positive
from rnnkit.layers.sequence import valid_steps, zero_padding

TINY = 1e-12  # below it a probability or a norm counts as this
PROBE = 0.1  # norm of the random step from which the direction of a virtual adversarial perturbation is found


class PerturbationLosses:
    """Three losses on top of the cross-entropy of the labels, each a mean over texts, times its weight.

    `adversarial` is the cross-entropy of the labelled texts whose vectors were moved where it grows fastest;
    `virtual_adversarial` the divergence KL(p || q) of the answers q to texts that were moved where it grows fastest
    from the answers p before (Miyato, Dai and Goodfellow, "Adversarial training methods for semi-supervised text
    classification", 2017, with one power iteration); `entropy` that of the answers (Sachan, Zaheer and Salakhutdinov,
    "Revisiting LSTM networks for semi-supervised text classification via mixed objective function", 2019). The last two
    count texts with and without labels alike.

    The token vectors of a text, as one long vector, are moved by `radius`, in units of the standard deviation of each
    of their D numbers over the tokens of the batch. That is the paper's step on vectors that were normalised, by which
    the loss cannot be lowered with longer vectors, and leaves the network and its vectors as they are. Padding is not
    moved, and a step is a constant for the gradient. Dropout is off where it is sought, in p, and in the entropy.

    Args:
        adversarial, virtual_adversarial, entropy: the weights, not negative; 0 leaves a loss out, with its cost.
        radius: the length of a step, positive.

    Raises:
        ArgumentError: a number out of its range.
    """

    def __init__(self, adversarial: float, virtual_adversarial: float, entropy: float, radius: float):
        weights = {"adversarial": adversarial, "virtual_adversarial": virtual_adversarial, "entropy": entropy}
        for name, value in weights.items():
            if not (is_number(value) and 0 <= value < float("inf")):
                raise ArgumentError(f"{name}: expected a number that is not negative, got {value!r}.")
        self.weights = weights
        self.radius = positive("radius", radius)

    @property
    def are_on(self) -> bool:
        """Whether there is any loss."""
        return any(self.weights.values())

    @property
    def reads_unlabelled(self) -> bool:
        """Whether texts without labels make a difference."""
        return bool(self.weights["virtual_adversarial"] or self.weights["entropy"])

    def connect(self, network: keras.Model, embedding: str, seed: keras.random.SeedGenerator | None) -> None:
        """Takes over a network from `tokens` (B, T) and `lengths` (B,) to probabilities (B, C).

        Args:
            embedding: the name of the layer that gives token vectors.
            seed: of random directions, for `virtual_adversarial`.

        Raises:
            ArgumentError: another backend than TensorFlow, or several devices.
        """
        strategy = getattr(network, "distribute_strategy", None)
        if keras.backend.backend() != "tensorflow" or (strategy is not None and strategy.num_replicas_in_sync > 1):
            names = ", ".join(name for name, weight in self.weights.items() if weight)
            raise ArgumentError(f"{names}: these losses need TensorFlow and one device. Set them to 0.")
        self.embedding = network.get_layer(embedding)
        self.seed = seed
        inputs = [self.embedding.output, network.input["lengths"]]
        self.above = keras.Model(inputs, network.output, name="above_embedding")

    def __call__(self, x, y, sample_weight=None):
        """The weighted sum of the losses: a scalar.

        Args:
            x: the inputs of a batch, with or without those of texts without labels, `unlabelled_tokens` and
                `unlabelled_lengths`.
            y: class numbers, shape (B,).
            sample_weight: of the labelled texts, shape (B,), or None.
        """
        x = {name: ops.convert_to_tensor(each) for name, each in x.items()}
        total = 0.0
        if self.weights["adversarial"]:
            answer, zero = self._answer(x["tokens"], x["lengths"])
            step = self.radius * steepest(lambda step: ops.sum(cross_entropy(y, answer(step))), zero)
            each = cross_entropy(y, answer(step, training=True))
            each = each if sample_weight is None else each * ops.cast(sample_weight, each.dtype)
            total += self.weights["adversarial"] * ops.mean(each)
        if self.reads_unlabelled:
            total += self._without_labels(*_with_unlabelled(x))
        return total

    def _without_labels(self, tokens, lengths):
        answer, zero = self._answer(tokens, lengths)
        before = answer(zero)
        total = self.weights["entropy"] * ops.mean(entropy(before))
        if self.weights["virtual_adversarial"]:
            fixed = ops.stop_gradient(before)
            noise = zero_padding(keras.random.normal(ops.shape(zero), seed=self.seed), lengths)
            start = PROBE * per_text_unit(noise)
            step = self.radius * steepest(lambda step: ops.sum(divergence(fixed, answer(step))), start)
            moved = answer(step, training=True)
            total += self.weights["virtual_adversarial"] * ops.mean(divergence(fixed, moved))
        return total

    def _answer(self, tokens, lengths):
        """Probabilities (B, C) as a function of a step (B, T, D) in normalised vectors, and a step of zeros."""
        vectors = self.embedding(tokens)
        scale = ops.stop_gradient(token_deviation(ops.cast(vectors, "float32"), lengths))

        def answer(step, training=False):
            moved = vectors + ops.cast(zero_padding(scale * step, lengths), vectors.dtype)
            return self.above([moved, lengths], training=training)

        return answer, ops.zeros(ops.shape(vectors), "float32")


def steepest(loss, start):
    """The direction in which a sum over texts grows fastest, of length 1 for each text: a constant, shape (B, T, D).

    Args:
        loss: from steps (B, T, D) to a scalar.
        start: the steps at which its gradient is taken.
    """
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(start)
        value = loss(start)
    return ops.stop_gradient(per_text_unit(tape.gradient(value, start)))


def per_text_unit(steps):
    """Steps (B, T, D) that were brought to the length 1 for each text; zeros stay zeros."""
    largest = ops.max(ops.abs(steps), axis=(1, 2), keepdims=True)  # the squares of small ones would vanish
    steps = steps / ops.maximum(largest, TINY)
    return steps / ops.maximum(ops.sqrt(ops.sum(ops.square(steps), axis=(1, 2), keepdims=True)), TINY)


def token_deviation(vectors, lengths):
    """The standard deviation (D,) of token vectors (B, T, D) over all tokens that are no padding."""
    keep = ops.cast(valid_steps(lengths, ops.shape(vectors)[1]), vectors.dtype)[:, :, None]
    count = ops.maximum(ops.sum(keep), 1.0)
    mean = ops.sum(keep * vectors, axis=(0, 1)) / count
    return ops.sqrt(ops.sum(keep * ops.square(vectors - mean), axis=(0, 1)) / count)


def cross_entropy(y, probabilities):
    """Of class numbers (B,) and probabilities (B, C): shape (B,)."""
    chosen = ops.one_hot(ops.reshape(y, (-1,)), probabilities.shape[-1], dtype=probabilities.dtype)
    return -ops.sum(chosen * _log(probabilities), axis=-1)


def entropy(p):
    """Of probabilities (B, C), in nats: shape (B,)."""
    return -ops.sum(p * _log(p), axis=-1)


def divergence(p, q):
    """KL(p || q) of probabilities (B, C), in nats: shape (B,)."""
    return ops.sum(p * (_log(p) - _log(q)), axis=-1)


def _log(probabilities):
    return ops.log(ops.maximum(probabilities, TINY))


def _with_unlabelled(x):
    """Tokens and lengths of all texts of a batch, with labels or without."""
    if "unlabelled_tokens" not in x:
        return x["tokens"], x["lengths"]
    both = x["tokens"], x["unlabelled_tokens"]
    steps = ops.maximum(*(ops.shape(each)[1] for each in both))
    tokens = [ops.pad(each, ((0, 0), (0, steps - ops.shape(each)[1]))) for each in both]
    return ops.concatenate(tokens), ops.concatenate([x["lengths"], x["unlabelled_lengths"]])
