"""How workers are started on several hosts: the manifests of docs/launchers.md, and two hosts that are namespaces."""

import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnnkit import compat, datasets, workers
from rnnkit.cli import together
from rnnkit.datasets import Dataset
from rnnkit.errors import DeviceError
from rnnkit.tasks.config import RunConfig

PAGE = Path(__file__).resolve().parents[2] / "docs" / "launchers.md"
CLUSTER = workers.Cluster(("localhost:1", "localhost:2"), 0)
BEGUN = RunConfig("sentiment", workers=",".join(CLUSTER.addresses))
SPLITS = datasets.Splits(*(Dataset({"text": [text], "label": ["good"]}) for text in ("a", "b", "c")))
OPTIONS = ["--cell", "gru", "--units", "4", "--epochs", "3", "--device", "cpu"]


def manifests():
    yaml = pytest.importorskip("yaml")
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M)
    compose, job = map(yaml.safe_load, blocks)
    return compose, job


def understood(words):
    """The values of a command line, without the program's name, as `rnnkit` reads it."""
    from typer.main import get_command

    from rnnkit.cli.app import app

    run = get_command(app).commands["run"]
    assert words[0] == "run"
    command, rest = (run, words[1:]) if words[1].startswith("-") else (run.commands[words[1]], words[2:])
    return command.make_context(command.name, rest).params


def test_the_services_of_docker_compose_are_the_workers_that_they_name():
    services = manifests()[0]["services"]
    given = [understood(shlex.split(each["command"])) for each in services.values()]
    assert {each["workers"] for each in given} == {",".join(f"{name}:2222" for name in services)}
    assert [each["worker"] for each in given] == [0, 1]
    assert not any("ports" in each for each in services.values())
    assert {each["volumes"][0].partition(":")[0] for each in services.values()} == set(manifests()[0]["volumes"])


def test_the_job_of_kubernetes_has_what_its_operator_and_the_run_need(monkeypatch):
    job = manifests()[1]
    assert (job["apiVersion"], job["kind"], *job["spec"]["tfReplicaSpecs"]) == ("kubeflow.org/v1", "TFJob", "Worker")
    replicas = job["spec"]["tfReplicaSpecs"]["Worker"]
    assert replicas["restartPolicy"] == "OnFailure"
    pod = replicas["template"]["spec"]
    [container] = pod["containers"]
    [port] = container["ports"]
    assert (container["name"], port["name"]) == ("tensorflow", "tfjob-port")  # by which the operator finds them
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
    resumed, begun = (shlex.split(line) for line in re.findall(r"exec rnnkit (run .*)", container["args"][0]))
    assert understood(resumed)["resume"] == understood(begun)["out"] == Path("/runs/reviews")
    name = job["metadata"]["name"]
    names = [f"{name}-worker-{each}.default.svc:{port['containerPort']}" for each in range(replicas["replicas"])]
    told = {"cluster": {"worker": names}, "task": {"type": "worker", "index": 1}}  # as the operator says it
    monkeypatch.setenv("TF_CONFIG", json.dumps(told))
    assert workers.find() == workers.Cluster(tuple(names), 1)


def test_workers_with_another_configuration_version_or_data_have_something_to_refuse(monkeypatch):
    """What a run asks to be the same; that a difference is refused, and how, is seen in test_workers.py."""
    told = []
    monkeypatch.setattr(compat, "has_started", lambda: False)

    def meet(cluster, same, patience):
        told.append(same)
        raise DeviceError("as far as this goes")

    monkeypatch.setattr(workers, "meet", meet)

    def differences(config=BEGUN, splits=SPLITS, finish=False):
        with pytest.raises(DeviceError), together.scope(config, CLUSTER, splits, finish):
            pass
        first, last = told[0], told[-1]
        assert first.keys() == last.keys()
        return {name for name in last if last[name] != first[name]}

    assert differences() == set()
    assert differences(BEGUN.replaced(seed=1, cell="gru")) == {"seed", "cell"}
    assert differences(finish=True) == {"finish"}
    assert differences(splits=SPLITS._replace(train=SPLITS.valid)) == {"train data"}
    found = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0" if name == "keras" else found(name))
    assert differences() == {"keras"}


@pytest.fixture
def hosts():
    """Two network namespaces, with a cable between them: their names, addresses and ends of the cable."""
    if os.geteuid() or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and the command ip")
    ends = [(f"rnnkit-{os.getpid()}-{side}", f"10.77.0.{side + 1}", f"r{os.getpid()}-{side}") for side in range(2)]
    (left, _, one), (right, _, other) = ends
    try:
        for name, _, _ in ends:
            subprocess.run(["ip", "netns", "add", name], check=True)
        cable = ["link", "add", one, "netns", left, "type", "veth", "peer", "name", other, "netns", right]
        subprocess.run(["ip", *cable], check=True)
        for name, address, end in ends:
            subprocess.run(["ip", "-n", name, "addr", "add", f"{address}/24", "dev", end], check=True)
            for device in ("lo", end):
                subprocess.run(["ip", "-n", name, "link", "set", device, "up"], check=True)
        yield ends
    finally:
        for name, _, _ in ends:
            subprocess.run(["ip", "netns", "del", name])


def started(hosts, *words):
    program = [sys.executable, "-c", "from rnnkit.cli import main; main()", "run", *map(str, words)]
    return [
        subprocess.Popen(
            ["ip", "netns", "exec", name, *program, "--worker", str(number)], stdout=-1, stderr=-1, text=True
        )
        for number, (name, _, _) in enumerate(hosts)
    ]


def ended(processes, limit):
    """What each says on standard error; none outlives the limit, in seconds."""
    try:
        said = [each.communicate(timeout=limit)[1].strip() for each in processes]
    finally:
        for each in processes:
            each.kill()
    return [(each.returncode, words) for each, words in zip(processes, said, strict=True)]


@pytest.mark.slow
def test_both_hosts_end_when_the_cable_is_cut_and_resume_when_it_is_mended(hosts, tmp_path):
    rows = [f"{'good' if label else 'bad'} film {row} with a plot,{label}" for row in range(60) for label in (0, 1)]
    (tmp_path / "reviews.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    out, names = tmp_path / "run", ",".join(f"{address}:2222" for _, address, _ in hosts)
    data = ["--data", tmp_path / "reviews.csv", "--out", out, "--workers", names]
    processes = started(hosts, "sentiment", *data, *OPTIONS)
    while not (out / "worker-1" / "state").is_dir() and all(each.poll() is None for each in processes):
        time.sleep(0.1)
    cut = ["ip", "-n", hosts[0][0], "link", "set", hosts[0][2]]
    subprocess.run([*cut, "down"], check=True)
    for number, (code, said) in enumerate(ended(processes, 30)):
        line = f"Resume all workers, this one with: rnnkit run --resume {out} --worker {number}"
        assert (code, said.count("\n")) == (2, 0), said
        assert said.endswith(line)
    subprocess.run([*cut, "up"], check=True)
    assert [code for code, _ in ended(started(hosts, "--resume", out), 200)] == [0, 0]
    assert json.loads((out / "metrics.json").read_text(encoding="utf-8"))["epochs"] == 3
