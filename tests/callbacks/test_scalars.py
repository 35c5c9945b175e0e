import os

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rnnkit.callbacks import GradientGuard, GradientHealth
from rnnkit.callbacks.tensorboard import ScalarWriter

pytestmark = pytest.mark.usefixtures("untraced_fits")  # the step is that of any training


def scalars(folder):
    """Tag -> (steps, values), as TensorBoard reads them."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    table = {}
    for tag in events.Tags()["tensors"]:
        found = events.Tensors(tag)
        table[tag] = ([each.step for each in found], [float(tf.make_ndarray(each.tensor_proto)) for each in found])
    return table


def test_scalars_are_the_means_of_each_transfer(kit, data, tmp_path):
    health = GradientHealth(log_dir=tmp_path, flush_every=4)
    kit.fit(kit.compiled(), data, [health], epochs=2)
    written = scalars(tmp_path)
    steps, values = written["gradients/norm_before"]
    assert steps == [3, 7, 11, 15]
    np.testing.assert_allclose(values, health.steps["norm_before"].to_numpy().reshape(4, 4).mean(axis=1), rtol=1e-5)
    dense = health.frame[health.frame["layer"] == "net/dense"].groupby("step")["norm_before"]
    expected = np.sqrt(dense.apply(lambda norms: np.sum(norms**2))).to_numpy().reshape(4, 4).mean(axis=1)
    np.testing.assert_allclose(written["gradient_norm/net/dense"][1], expected, rtol=1e-5)
    assert written["gradients/refused"][1] == [0, 0, 0, 0]
    assert "gradients/threshold" not in written
    assert len(os.listdir(tmp_path)) == 1


def test_refused_steps_are_counted_and_spoil_no_mean(kit, data, tmp_path):
    x, y = data
    y[5] = np.nan
    kit.fit(kit.compiled(), (x, y), [GradientHealth(log_dir=tmp_path), GradientGuard()])
    written = scalars(tmp_path)
    assert written["gradients/refused"][1] == [1]
    assert np.isfinite(written["gradients/norm_before"][1]).all()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_warns_once_and_training_goes_on(kit, data, tmp_path, place):
    (tmp_path / "file").write_text("not a folder")
    health = GradientHealth(log_dir=tmp_path / place, flush_every=2)
    with pytest.warns(UserWarning, match="log_dir: TensorBoard scalars cannot be written") as caught:
        kit.fit(kit.compiled(), data, [health], epochs=2)
    assert len(caught) == 1
    assert len(health.steps) == 16


@pytest.mark.parametrize("error", [tf.errors.ResourceExhaustedError(None, None, "disk full"), OSError(28, "disk full")])
def test_a_disk_that_becomes_full_warns_once_and_training_goes_on(kit, data, tmp_path, monkeypatch, error):
    class Full:
        def __init__(self, writer):
            self.writer = writer
            self.calls = 0

        def as_default(self, step):
            return self.writer.as_default(step)

        def flush(self):
            self.calls += 1
            if self.calls > 2:
                raise error

    make = tf.summary.create_file_writer
    monkeypatch.setattr(tf.summary, "create_file_writer", lambda folder: Full(make(folder)))
    health = GradientHealth(log_dir=tmp_path, flush_every=2)
    with pytest.warns(UserWarning, match=r"log_dir: .*disk full") as caught:
        kit.fit(kit.compiled(), data, [health], epochs=2)
    assert len(caught) == 1
    assert len(health.steps) == 16


def test_tensorflows_own_errors_arrive_as_os_errors(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        ScalarWriter(tmp_path / "file" / "below")
