#!/bin/sh
# Whether what rnnkit rests on in private holds in Keras' next version too (see rnnkit/compat/):
#     tests/canaries.sh [ENVIRONMENT] [MORE TESTS ...]
# It makes a fresh environment with keras-nightly in the place of keras, and runs tests/rnnkit/compat in it.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
environment=${1:-$(mktemp -d)}
[ $# -eq 0 ] || shift
if [ ! -x "$environment/bin/python" ]; then
    python3 -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet -e "$root[test]"
    # both distributions are the package `keras`, and TensorFlow asks for the one that is a release
    "$environment/bin/python" -m pip uninstall --quiet --yes keras
    "$environment/bin/python" -m pip install --quiet --no-deps --pre --upgrade keras-nightly
fi
cd "$root"
TF_CPP_MIN_LOG_LEVEL=3 "$environment/bin/python" -c "import keras; print('Keras', keras.__version__)"
TF_CPP_MIN_LOG_LEVEL=3 exec "$environment/bin/python" -m pytest -n 0 -q tests/rnnkit/compat "$@"
