import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def seen():
    script = Path(__file__).with_name("mirrored_fit.py")
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=280, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


def assert_close(first, second, rtol=1e-4, atol=1e-6):
    for one, other in zip(first["weights"], second["weights"], strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


def test_recording_changes_nothing(seen):
    assert seen["watched"]["weights"] == seen["plain"]["weights"]
    assert seen["watched"]["loss"] == seen["plain"]["loss"]


@pytest.mark.parametrize(("two", "one"), [("two devices", "one device"), ("percentile", "percentile, one")])
def test_norms_and_clipping_are_those_of_the_joined_batch(seen, two, one):
    for name in ("norm_before", "norm_after", "update_ratio"):
        np.testing.assert_allclose(seen[two][name], seen[one][name], rtol=1e-4, atol=1e-6)
    assert_close(seen[two], seen[one])
    assert np.less(seen[two]["norm_after"], seen[two]["norm_before"]).any()


def test_one_bad_replica_refuses_the_step_on_both(seen):
    guarded = seen["guarded"]
    assert guarded["status"] == ["taken", "nonfinite", "taken", "taken"] * 2
    assert guarded["weights"] == seen["never saw it"]["weights"]
    assert np.isfinite(guarded["loss"]).all()


def test_behind_a_loss_scale_it_is_one_device_too(seen):
    assert seen["scaled"]["status"] == ["taken"] * 8
    np.testing.assert_allclose(seen["scaled"]["norm_after"], seen["scaled, one"]["norm_after"], rtol=1e-3, atol=1e-6)
    assert_close(seen["scaled"], seen["scaled, one"], rtol=1e-3, atol=1e-5)


def test_the_loss_of_a_step_is_that_of_the_joined_batch(seen):
    assert len(seen["two devices"]["losses"]) == 8
    np.testing.assert_allclose(seen["two devices"]["losses"], seen["one device"]["losses"], rtol=1e-4)
    assert np.isnan(seen["guarded"]["losses"]).tolist() == [False, True, False, False] * 2  # NaN on one replica


def test_rollback(seen):
    assert seen["rollback"]["rollbacks"] == 2
    assert np.isfinite(seen["rollback"]["loss"]).all()


def test_accumulation_over_replicas_is_refused_in_clear_words(seen):
    assert seen["refusal"].startswith("optimizer: Keras cannot combine `gradient_accumulation_steps` with a strategy")
