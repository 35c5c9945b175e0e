"""Requests per second of the app in docs/serving.md, and how long they take: `python benchmarks/serving_speed.py`.

It trains a classifier on the generated sample, or takes the `.keras` file that is named; serves it with uvicorn in a
process of its own; and asks from 1, 8 and 32 clients at a time, each of which sends its next text after an answer. It
needs fastapi, httpx and uvicorn.
"""

import argparse
import asyncio
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

PAGE = Path(__file__).resolve().parents[1] / "docs" / "serving.md"
PORT = 8765


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, help="a .keras file of a classifier")
    parser.add_argument("--seconds", type=float, default=5, help="for each number of clients")
    parser.add_argument("--threads", type=int, default=1, help="of TensorFlow in the serving process")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        serve(Path(folder), options)


def serve(folder: Path, options):
    from rnnkit import SentimentClassifier, datasets

    train, valid, test = datasets.load("sentiment-sample")
    if options.model is None:
        model = SentimentClassifier()
        model.fit(train, validation_data=valid, epochs=1, verbose=0)
        model.save(folder / "reviews.keras")
    else:
        (folder / "reviews.keras").write_bytes(options.model.read_bytes())
    _, app, *_ = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "app.py").write_text(app, encoding="utf-8")
    threads = {"TF_NUM_INTRAOP_THREADS": str(options.threads), "OMP_NUM_THREADS": str(options.threads)}
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(PORT), "--log-level", "warning"]
    with subprocess.Popen(command, cwd=folder, env=os.environ | threads) as server:
        try:
            asyncio.run(ask(test["text"], options.seconds))
        finally:
            server.terminate()


async def ask(texts, seconds: float):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", timeout=60) as client:
        await ready(client)
        for clients in (1, 8, 32):
            texts_left, ends, took = itertools.cycle(texts), time.perf_counter() + seconds, []
            await asyncio.gather(*(requests(client, texts_left, ends, took) for _ in range(clients)))
            median, slow = np.percentile(took, (50, 99)) * 1000
            rate = f"{len(took) / seconds:7.0f} requests/s"
            print(f"{clients:3} clients: {rate}, median {median:6.1f} ms, p99 {slow:6.1f} ms")


async def ready(client):
    for _ in range(300):
        try:
            return await client.get("/health")
        except httpx.ConnectError:
            await asyncio.sleep(0.2)
    raise SystemExit("the server did not start")


async def requests(client, texts, ends: float, took: list[float]):
    while time.perf_counter() < ends:
        start = time.perf_counter()
        answer = await client.post("/classify", json={"text": next(texts)})
        answer.raise_for_status()
        took.append(time.perf_counter() - start)


if __name__ == "__main__":
    main()
