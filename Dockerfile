# The README's first command in a container: docker build -t rnnkit . && docker run --rm -v "$PWD/runs:/rnnkit/runs" rnnkit run sentiment
FROM python:3.11-slim
WORKDIR /rnnkit
COPY . .
RUN python3 -m venv .venv && . .venv/bin/activate && pip install --no-cache-dir -e .
ENV PATH="/rnnkit/.venv/bin:$PATH" TF_CPP_MIN_LOG_LEVEL=3
ENTRYPOINT ["rnnkit"]
CMD ["--help"]
