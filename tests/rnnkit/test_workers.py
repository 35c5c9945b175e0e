import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from rnnkit import workers
from rnnkit.errors import ArgumentError, DeviceError
from rnnkit.study.folder import RunFolder, check_free, own_folder
from rnnkit.tasks.config import RunConfig


def addresses(count):
    """As many free ports of this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return found


def together(script, count, *arguments):
    """What each of several processes prints; they start together, and none outlives the test."""
    names = ",".join(addresses(count))
    started = [
        subprocess.Popen(
            [sys.executable, script, str(number), names, *map(str, arguments)], stdout=-1, stderr=-1, text=True
        )
        for number in range(count)
    ]
    try:
        ended = [each.communicate(timeout=280) for each in started]
    finally:
        for each in started:
            each.kill()
    errors = "\n".join(err[-3000:] for _, err in ended)
    assert [each.returncode for each in started] == [0] * count, errors
    assert "eagerly" not in errors  # TensorFlow's word on what runs outside of functions
    return [json.loads(out.splitlines()[-1]) for out, _ in ended]


PAIR = Path(__file__).with_name("workers_pair.py")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return together(PAIR, 2, tmp_path_factory.mktemp("states"))


@pytest.mark.parametrize("name", ["sentiment", "own model"])
def test_two_workers_train_as_one_process_does_on_the_joined_batch(seen, name):
    two, one = seen[0][name]
    for weight, expected in zip(two["weights"], one["weights"], strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)
    np.testing.assert_allclose(two["predicted"], one["predicted"], atol=1e-5)
    for column, values in one["steps"].items():
        np.testing.assert_array_equal(two["steps"][column], values) if column in ("status", "clipped") else (
            np.testing.assert_allclose(two["steps"][column], values, rtol=1e-4, err_msg=column)
        )
    assert any(one["steps"]["clipped"])


def test_the_logs_are_those_of_one_process(seen):
    assert {*seen[0]["sentiment"][1]["steps"]["clipped"]} == {True, False}
    two, one = (each["history"] for each in seen[0]["sentiment"])
    assert two.keys() == one.keys()
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", ["sentiment", "own model"])
def test_all_workers_have_the_same(seen, name):
    first, second = ({**each[name][0], "encoded": None} for each in seen)
    np.testing.assert_equal(first, second)


def test_each_worker_encodes_its_own_rows_to_evaluate_and_to_predict(seen):
    assert [each["sentiment"][0]["encoded"] for each in seen] == [[11, 6, 6], [11, 5, 5]]


def test_a_step_with_a_guard_has_three_messages(seen):
    assert [each["messages"] for each in seen] == [3, 3]


@pytest.mark.slow
def test_two_runs_by_two_workers_are_the_same_to_the_last_bit_where_operations_are_deterministic(tmp_path):
    first, second = (together(PAIR, 2, tmp_path, "deterministic", "sentiment") for _ in range(2))
    assert first == second
    two, one = first[0]["sentiment"]
    for weight, expected in zip(two["weights"], one["weights"], strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)
    np.testing.assert_allclose(two["history"]["loss"], one["history"]["loss"], atol=1e-5)


def test_gradients_are_sent_once_where_a_guard_has_seen_them(seen):
    updates, sums = seen[0]["sums"]
    assert updates == sums > 0


def test_a_training_goes_on_from_the_newest_save_that_all_workers_have(seen):
    for each in seen:
        whole, parts = each["own model"][0], each["gone on"]
        assert [parts[name] for name in ("weights", "history")] == [whole[name] for name in ("weights", "history")]


def test_accumulation_is_refused_in_clear_words(seen):
    assert seen[1]["refused"].startswith("optimizer: Keras cannot combine `gradient_accumulation_steps`")


def test_workers_drop_other_units_of_their_rows(seen):
    first, second = (each["drawn"] for each in seen)
    assert len({*first, *second}) == 4


def test_workers_tell_each_other_values(seen):
    assert [each["said"] for each in seen] == [[0, 1], [0, 1]]
    assert [each["first"] for each in seen] == [0, 0]


def test_messages_of_any_length_are_traced_once(seen):
    assert [each["told"] for each in seen] == [[True, [[[0.5, 0.5]] * 2] * 2, 1]] * 2


def test_sigterm_reaches_the_program_though_tensorflow_catches_it(seen):
    assert [each["signals"] for each in seen] == [["SIGTERM"], ["SIGTERM"]]


def test_a_single_process_tells_itself():
    assert workers.gathered(None, {"a": 1}) == [{"a": 1}]
    assert workers.from_first(None, 5) == 5


@pytest.mark.parametrize(
    ("given", "worker", "message"),
    [
        (["localhost:2222"], 0, "workers: expected two or more addresses HOST:PORT, got 1"),
        (["localhost:2222", "localhost"], 0, "workers: expected addresses such as 10.0.0.1:2222, got 'localhost'"),
        (["localhost:2222", "localhost:x"], 0, "workers: expected addresses such as .* got 'localhost:x'"),
        (["localhost:2222", "localhost:99999"], 0, "workers: expected addresses such as"),
        (["a@localhost:2222", "localhost:2223"], 0, "workers: expected addresses such as"),
        (["localhost:2222", "localhost:2222"], 0, "workers: localhost:2222 is there twice"),
        (["localhost:2222", "localhost:2223"], 2, "worker: expected a whole number from 0 to 1, got 2"),
        (["localhost:2222", "localhost:2223"], None, "worker: expected the number of this process, 0 to 1"),
        (None, 1, "workers: expected the addresses of all workers, as worker=1"),
    ],
)
def test_addresses_that_cannot_be_used(monkeypatch, given, worker, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ArgumentError, match=message):
        workers.find(given, worker)


def test_the_environment_names_the_workers(monkeypatch):
    jobs = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": jobs, "task": {"type": "worker", "index": 1}}))
    assert workers.find() == workers.Cluster(("a:1", "b:1", "c:1"), 2)
    with pytest.raises(ArgumentError, match="worker: expected 2, as TF_CONFIG says, got 0"):
        workers.find(worker=0)
    monkeypatch.delenv("TF_CONFIG")
    assert workers.find() is None
    with pytest.raises(ArgumentError, match="or TF_CONFIG in the environment"), workers.strategy():
        pass


@pytest.mark.parametrize(
    "told",
    [
        "{",
        "[]",
        '{"cluster": {}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": "x"}}',
        '{"cluster": {"worker": ["a:1", "b:1"], "ps": ["c:1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}}',
    ],
)
def test_an_environment_that_cannot_be_used(monkeypatch, told):
    monkeypatch.setenv("TF_CONFIG", told)
    with pytest.raises(ArgumentError, match="TF_CONFIG: expected a cluster with the addresses of its workers"):
        workers.find()


def test_public_addresses_are_refused_unless_told_otherwise():
    named = ["8.8.8.8:2222", "127.0.0.1:2222"]
    with pytest.raises(ArgumentError, match="8.8.8.8:2222 can be reached from outside.*public=True"):
        workers.meet(workers.find(named, 1), {}, 1)
    with pytest.raises(DeviceError, match=r"worker 1 \(127.0.0.1:1\) could not be reached in 0 s"):
        workers.meet(workers.Cluster(("8.8.8.8:2222", "127.0.0.1:1"), 0, public=True), {}, 0)


def met(names, number, same, patience=20.0):
    """What a meeting raises in a thread of its own, in a list; empty where all goes well."""
    raised = []

    def run():
        try:
            workers.meet(workers.Cluster(tuple(names), number), same, patience)
        except (ArgumentError, DeviceError) as error:
            raised.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def test_workers_find_each_other_in_any_order():
    names = addresses(3)
    meetings = []
    for number in (2, 0, 1):
        meetings.append(met(names, number, {"seed": 1}))
        time.sleep(0.1)
    for thread, raised in meetings:
        thread.join()
        assert raised == []


def test_workers_that_differ_refuse_each_other():
    names = addresses(2)
    meetings = [met(names, number, {"seed": number, "cell": "gru"}) for number in range(2)]
    for number, (thread, raised) in enumerate(meetings):
        thread.join()
        other = 1 - number
        told = f"worker: worker {other} ({names[other]}) differs in seed ({other}, here {number})."
        assert raised == [f"{told} Start all of them alike."]


def connected(place):
    """A connection, once somebody listens there."""
    for _ in range(500):
        try:
            return socket.create_connection(place)
        except ConnectionRefusedError:
            time.sleep(0.001)
    raise AssertionError(f"nobody listens at {place}")


def test_who_is_missing_is_named_in_time_whoever_else_calls():
    names = addresses(3)
    meetings = [met(names, number, {}, patience=1.0) for number in (0, 2)]
    with connected(workers.find(names, 0).places[0]) as stranger:
        stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
    for thread, raised in meetings:
        thread.join()
        assert raised[0].startswith(f"workers: worker 1 ({names[1]}) could not be reached in 1 s.")


def test_a_port_that_is_in_use_is_named():
    names = addresses(2)
    with socket.create_server(workers.find(names, 0).places[0]), pytest.raises(ArgumentError, match="cannot be used"):
        workers.meet(workers.Cluster(tuple(names), 0), {}, 1)


def test_tensorflow_must_not_have_computed_anything():
    import tensorflow as tf

    assert float(tf.constant(1.0)) == 1
    with pytest.raises(DeviceError, match="Make the strategy before anything else"), workers.strategy(addresses(2), 0):
        pass


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--workers", "localhost:1,localhost:2"], "worker: expected the number of this process, 0 to 1, got none"),
        (["--workers", "localhost:1,localhost:2", "--worker", "1"], "out: expected a folder, as several workers"),
        (["--workers", "localhost"], "workers: expected two or more addresses"),
        (["--worker", "1"], "workers: expected the addresses of all workers"),
        (
            [*("--workers", "localhost:1,localhost:2", "--worker", "1"), *("--device", "cpu", "--devices", "2")],
            "devices: a worker has one CPU, got 2",
        ),
    ],
)
def test_the_command_line_says_what_is_missing(cli, monkeypatch, tmp_path, options, said):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    out = ["--out", tmp_path / "run"] if "--devices" in options else []
    ended = cli("run", "sentiment", *options, *out)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_a_run_goes_on_with_as_many_workers_as_it_began_with(cli, monkeypatch, tmp_path):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    config = RunConfig("sentiment", workers="localhost:1,localhost:2")
    for worker in (0, 1):
        RunFolder.create(own_folder(tmp_path / "run", worker), config.as_dict())
    told = {
        ("--workers", "localhost:1,localhost:2,localhost:3", "--worker", "1"): "this run began with 2, got 3",
        (): "worker: expected the number of this process, 0 to 1",
        ("--worker", "2"): "worker-2 is not a run folder",
    }
    for options, said in told.items():
        ended = cli("run", "--resume", tmp_path / "run", *options)
        assert (ended.code, said in ended.err) == (2, True), ended.err


def test_the_folders_of_other_workers_leave_a_folder_free(tmp_path):
    check_free(tmp_path)
    own_folder(tmp_path, 1).mkdir()
    check_free(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ArgumentError, match="exists already"):
        check_free(tmp_path)
