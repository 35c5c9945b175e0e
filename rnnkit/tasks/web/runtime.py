"""onnxruntime-web, which runs the network in the page: not part of rnnkit, but of a package that npm has."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from rnnkit.errors import ArgumentError, PackageError

VERSION = "1.30.0"
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
PACKAGE = f"onnxruntime-web@{VERSION}"
ADVICE = f"Run `npm pack {PACKAGE}` where there is npm and a network, and give the file that it writes as <runtime>."
SCRIPT, MODULE, BINARY = (
    f"package/dist/{name}" for name in ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
)


def runtime_files(archive: str | Path | None = None) -> dict[str, bytes]:
    """The files `SCRIPT`, `MODULE` and `BINARY` of onnxruntime-web.

    Args:
        archive: the file that `npm pack` writes; None lets npm get it.

    Raises:
        PackageError: npm is not there, or cannot get it.
        ArgumentError: the file cannot be read, or is another one.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = _packed(Path(folder)) if archive is None else Path(archive)
        _check(path)
        with tarfile.open(path) as members:
            return {name: members.extractfile(name).read() for name in (SCRIPT, MODULE, BINARY)}  # type: ignore[union-attr]


def _packed(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise PackageError(f"format: a page needs {PACKAGE}, and there is no npm to get it.", advice=ADVICE)
    options = ["--prefer-offline", "--silent", "--fetch-retries=1", "--pack-destination", str(folder)]
    done = subprocess.run([npm, "pack", PACKAGE, *options], capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise PackageError(f"format: a page needs {PACKAGE}, and npm cannot get it: {reason:.200}.", advice=ADVICE)
    return folder / f"onnxruntime-web-{VERSION}.tgz"


def _check(path: Path) -> None:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ArgumentError(f"runtime: cannot read {path}: {error.strerror}.", advice=ADVICE) from error
    if found != SHA256:
        raise ArgumentError(
            f"runtime: expected the file that `npm pack {PACKAGE}` writes, got another one ({path}).", advice=ADVICE
        )
