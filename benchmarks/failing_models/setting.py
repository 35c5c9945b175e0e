"""One training in all that a problem or a cure can change."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Setting:
    """A training: data, model and optimizer. The defaults are those of an ordinary, healthy one.

    Attributes:
        task: a name of `data.TASKS`.
        shape: a name of `models.SHAPES`.
        inputs: `standard`, `thousands` (all features around 20,000), `mixed` (a unit for each feature) or
            `unit` (0 to 1).
        target: `standard` or `thousands`.
        broken: `""`, or where NaN or infinity stand in 10 % of the rows: `inputs`, `infinite inputs` or `target`; or
            `few inputs`, NaN in three rows that are for training.
        labels: `true`, or `random`: drawn without regard to the inputs.
        order: `time`, or `shuffled`: the steps of each sequence in a random order.
        padding: `post` or `pre`, for tasks with sequences of different lengths.
        mask: `kept`, `none`, or `lost` on its way to the recurrent layer.
        layers: recurrent layers on top of each other.
        cell: a layer of Keras or rnnkit, or `Leaky`, a cell of the user's own.
        kernel: recurrent initializer: `default`, `wide` (normal, `gain` its spectral radius), `narrow` (orthogonal
            times `gain`), `rank one`, `zeros` (of all kernels),
            `forgetful` (no bias that keeps a forget gate open), or `chrono`, for which `lag` is the longest memory, 0
            the length.
        bias: size of the gates' biases, of random signs; 0 leaves Keras' own.
        one_holds: whether the keeping gate is open in one unit, and closed in all others.
        between: what stands between the last recurrent layer and the output: `""`, `round`, `sign`, `stop gradient` or
            `dead relu`, or the `relu` layer that this one should be.
        answers: the activation of answers that are numbers: `""` or `sigmoid`.
        head: what the output reads: `last` step, `first` step, or the `inputs` instead of the state.
        normalization: `""`, `features` (`keras.layers.Normalization`) or `steps` (`LayerNormalization`), at the inputs.
        scaled_target: whether the target is standardised with the mean and deviation of the training data.
        target_in_reach: whether it lies from 0 to 1 instead, by the smallest and the largest of the training data.
        drop_broken: whether rows with NaN or infinity are left out.
        ahead: a dense layer in front of the recurrent one: `wide` (an orthogonal kernel times 30) or `shifted` (biases
            of 9, of random signs); `""` is none.
        rescaled: what its inputs are multiplied by; 0 is nothing.
        penalty: on the recurrent kernel: `""`, `l2`, `strong l2`, `soft orthogonality`, or `spectral cap`.
        loss: `plain`, `in graph`, `add_loss`, `two outputs`, `sample weights`, `huber`, `root` (of an error that is
            zero where the target is small), or `logarithm` (of numbers that can be negative).
        guarded: whether a `GradientGuard` refuses steps that are not finite.
        examples: for training.
    """

    task: str
    shape: str
    seed: int
    cell: str = "LSTM"
    units: int = 16
    length: int = 30
    features: int = 2
    examples: int = 800
    inputs: str = "standard"
    target: str = "standard"
    broken: str = ""
    labels: str = "true"
    order: str = "time"
    padding: str = "post"
    mask: str = "kept"
    layers: int = 1
    activation: str = "tanh"
    kernel: str = "default"
    gain: float = 1.0
    lag: int = 0
    bias: float = 0.0
    one_holds: bool = False
    residual: bool = False
    dropout: float = 0.0
    between: str = ""
    answers: str = ""
    head: str = "last"
    normalization: str = ""
    scaled_target: bool = False
    target_in_reach: bool = False
    drop_broken: bool = False
    loss: str = "plain"
    optimizer: str = "Adam"
    rate: float = 1e-2
    clip: float = 0.0
    epochs: int = 8
    batch: int = 32
    stop_early: bool = False
    penalty: str = ""
    ahead: str = ""
    rescaled: float = 0.0
    guarded: bool = False

    def but(self, **changes) -> "Setting":
        return replace(self, **changes)
