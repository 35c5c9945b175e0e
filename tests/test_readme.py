"""What the README shows works as it stands there."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python(number, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(blocks("python")[number].replace("epochs=4", "epochs=1"), {})
    if number == 0:
        assert (tmp_path / "sentiment.keras").is_file()
        assert (tmp_path / "health.png").is_file()
        assert "Classified(label=" in capsys.readouterr().out


def test_every_command_is_one_of_the_program():
    from typer.main import get_command

    from rnnkit.cli.app import app

    commands = get_command(app).commands
    for line in re.findall(r"^rnnkit (.*)$", "".join(blocks("sh")), re.MULTILINE):
        name, *words = line.split()
        command = commands[name]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line
