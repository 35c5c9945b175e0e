"""Chromium without a window, led through its DevTools protocol."""

import itertools
import json
import os
import shutil
import subprocess

import pytest

from rnnkit.tasks.web.runtime import PACKAGE, VERSION

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe")


class Browser:
    """One page. Commands and answers are JSON, each with a NUL behind it, in the pipes 3 and 4 of the process."""

    def __init__(self, program, folder):
        given, self._out = os.pipe()
        self._in, answered = os.pipe()
        script = 'exec "$0" "$@" 3<&%d 4>&%d' % (given, answered)  # noqa: UP031  (braces are the shell's)
        command = ["/bin/bash", "-c", script, program, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, pass_fds=(given, answered), **quiet)
        os.close(given)
        os.close(answered)
        self._numbers, self._read, self._session = itertools.count(1), b"", {}
        self.requested = []  # addresses
        [target] = [each for each in self.send("Target.getTargets")["targetInfos"] if each["type"] == "page"]
        attached = self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        self.send("Page.enable")
        self.send("Network.enable")

    def send(self, method, **params):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params, **self._session}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        answer = self._wait(lambda each: each.get("id") == number)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, path):
        self.send("Page.navigate", url=path.as_uri())
        self._wait(lambda each: each.get("method") == "Page.loadEventFired")

    def run(self, code, **names):
        """The value of JavaScript, in which `names` are constants; promises are waited for."""
        given = "".join(f"const {name} = {json.dumps(value)};" for name, value in names.items())
        code = f"(async () => {{ {given} return {code}; }})()"
        found = self.send("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def type(self, text):
        """Types a text into the page's field, and waits for the answer."""
        event = "page.field.dispatchEvent(new Event('input'))"
        self.run(f"(page.field.value = text, {event}, await page.settled(), 0)", text=text)

    def close(self):
        os.write(self._out, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        self._process.wait(20)
        os.close(self._out)
        os.close(self._in)

    def _wait(self, wanted):
        while True:
            while b"\0" not in self._read:
                more = os.read(self._in, 2**16)
                assert more, "Chromium ended"
                self._read += more
            message, self._read = self._read.split(b"\0", 1)
            message = json.loads(message)
            if message.get("method") == "Network.requestWillBeSent":
                self.requested.append(message["params"]["request"]["url"])
            if wanted(message):
                return message


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium")
    made = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def runtime(tmp_path_factory):
    """The file of onnxruntime-web that npm writes."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm")
    folder = tmp_path_factory.mktemp("npm")
    options = ["--prefer-offline", "--silent", "--fetch-retries=0", "--pack-destination", folder]
    if subprocess.run(["npm", "pack", PACKAGE, *options], capture_output=True, check=False, cwd=folder).returncode:
        pytest.skip(f"npm cannot get {PACKAGE}")
    return folder / f"onnxruntime-web-{VERSION}.tgz"
