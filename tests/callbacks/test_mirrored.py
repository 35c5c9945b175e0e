import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


def trained(which):
    command = [sys.executable, Path(__file__).with_name("mirrored_fit.py"), which]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def seen():
    return trained("usual")


@pytest.fixture(scope="module")
def others():
    return trained("others")


def assert_close(first, second, rtol=1e-4, atol=1e-6):
    for one, other in zip(first["weights"], second["weights"], strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


def test_recording_changes_nothing(seen):
    assert seen["watched"]["weights"] == seen["plain"]["weights"]
    assert seen["watched"]["loss"] == seen["plain"]["loss"]


def test_norms_and_clipping_are_those_of_the_joined_batch(seen):
    assert_clipped_alike(seen["two devices"], seen["one device"])


@pytest.mark.slow
def test_a_threshold_that_adapts_is_that_of_the_joined_batch(others):
    assert_clipped_alike(others["percentile"], others["percentile, one"])


def assert_clipped_alike(two, one):
    for name in ("norm_before", "norm_after", "update_ratio"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=1e-6)
    assert_close(two, one)
    assert np.less(two["norm_after"], two["norm_before"]).any()


def test_one_bad_replica_refuses_the_step_on_both(seen):
    guarded = seen["guarded"]
    assert guarded["status"] == ["taken", "nonfinite", "taken", "taken"] * 2
    assert guarded["weights"] == seen["never saw it"]["weights"]
    assert np.isfinite(guarded["loss"]).all()


@pytest.mark.slow
def test_behind_a_loss_scale_it_is_one_device_too(others):
    two, one = others["scaled"], others["scaled, one"]
    assert two["status"] == ["taken"] * 8
    np.testing.assert_allclose(two["norm_after"], one["norm_after"], rtol=1e-3, atol=1e-6)
    assert_close(two, one, rtol=1e-3, atol=1e-5)


def test_the_loss_of_a_step_is_that_of_the_joined_batch(seen):
    assert len(seen["two devices"]["losses"]) == 8
    np.testing.assert_allclose(seen["two devices"]["losses"], seen["one device"]["losses"], rtol=1e-4)
    assert np.isnan(seen["guarded"]["losses"]).tolist() == [False, True, False, False] * 2  # NaN on one replica


@pytest.mark.slow
def test_rollback(others):
    assert others["rollback"]["rollbacks"] == 2
    assert np.isfinite(others["rollback"]["loss"]).all()


def test_accumulation_over_replicas_is_refused_in_clear_words(seen):
    assert seen["refusal"].startswith("optimizer: Keras cannot combine `gradient_accumulation_steps` with a strategy")
