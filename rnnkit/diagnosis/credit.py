"""What the model as a whole still sees of the past. Legend: `n` sequences, `T` steps, `S` size of the full state."""

import numpy as np

from rnnkit.diagnosis.replay import Replay


def credit(replay: Replay, entering: np.ndarray) -> np.ndarray:
    """Credit end to end over all routes: the layer's own recurrence, and every way around it in the layers above.

    Args:
        replay: of one layer.
        entering: `e_t` of the loss `l` of one position a sequence, shape (T, n, S).

    Returns:
        E(k), the mean of |dl/ds_(tau-k)| / |dl/ds_tau| over the sequences, for k = 0 to the largest lag. Sequences
        whose `l` does not depend on s_tau at all are left out; NaN if that is all of them.
    """
    recording = replay.recording
    logs, _ = replay.gradients(entering)
    lags = np.arange(recording.max_lag + 1)
    behind = np.take_along_axis(logs, recording.focus - lags[:, None], axis=0)
    behind = behind[:, np.isfinite(behind[0])]
    return np.exp(behind - behind[0]).mean(axis=1) if behind.size else np.full(len(lags), np.nan)
