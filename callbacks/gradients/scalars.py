"""Gradient records as TensorBoard scalars (TensorFlow)."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from rnnkit.callbacks.gradients.records import total_ratio
from rnnkit.callbacks.gradients.rows import Block


class ScalarWriter:
    """Writes the means of each block of steps into one TensorBoard event file.

    The tags are `gradients/norm_before`, `gradients/norm_after` (global norms), `gradients/threshold`,
    `gradients/update_ratio`, `gradients/refused` (number of steps not taken) and, for each layer,
    `gradient_norm/<layer>` (before clipping). Means are over the taken steps, and leave out what is not finite.

    Args:
        log_dir: the folder; made where it is missing.

    Raises:
        OSError: the folder or file cannot be written, here and in `write`.
    """

    def __init__(self, log_dir: str | Path):
        with as_os_error():
            self.writer = tf.summary.create_file_writer(str(log_dir))

    def write(self, block: Block) -> None:
        """Adds a block's means at the number of its last step, and flushes them to the disk."""
        with as_os_error(), self.writer.as_default(step=int(block.steps[-1])):
            for tag, value in means(block).items():
                tf.summary.scalar(tag, value)
            self.writer.flush()


def means(block: Block) -> dict[str, float]:
    """The scalars of a block by tag, without those that have no finite value."""
    series = {
        "gradients/norm_before": block.total_before[block.taken],
        "gradients/norm_after": block.total_after[block.taken],
        "gradients/threshold": block.threshold[block.taken],
        "gradients/update_ratio": total_ratio(block),
    }
    for layer in dict.fromkeys(unit.layer for unit in block.units):
        columns = [unit.layer == layer for unit in block.units]
        norms = np.linalg.norm(block.norm_before[block.taken][:, columns].astype(float), axis=1)
        series[f"gradient_norm/{layer}"] = norms
    finite = {tag: values[np.isfinite(values)] for tag, values in series.items()}
    table = {tag: float(np.mean(values)) for tag, values in finite.items() if len(values)}
    return {**table, "gradients/refused": float(np.sum(~block.taken))}


@contextmanager
def as_os_error():
    """Turns TensorFlow's errors, which are no OSErrors even where the disk is full, into OSErrors."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
