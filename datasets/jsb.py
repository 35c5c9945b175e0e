"""JSB chorales: 382 four-part harmonisations by J. S. Bach, one frame per quarter note, all transposed to C.

M. Allan and C. K. I. Williams, "Harmonising chorales by probabilistic inference", NIPS 2005, with the split of
Boulanger-Lewandowski et al., ICML 2012. As all pieces are in one key already, transposing them adds nothing.
"""

import json
from pathlib import Path

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.piano_rolls import piano_roll
from rnnkit.datasets.source import Source, SourceFile
from rnnkit.errors import DataError
from rnnkit.text.textfile import regular_file

FILE = "jsb-chorales-quarter.json"
_URL = f"https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d/{FILE}"
_SHA256 = "2db9329f1881a1d3f49703ec556bf1d6f84b4f6c1d702c156536e93cf31e1c91"


def read(folder: Path) -> Splits:
    """The 229, 76 and 77 chorales as piano rolls: uint8, shape (T, 88).

    Raises:
        DataError: the file cannot be read, or holds something else.
    """
    try:
        parts = json.loads(regular_file(folder / FILE).read_text(encoding="utf-8"))
        return Splits(*(Dataset({"roll": list(map(piano_roll, parts[part]))}) for part in Splits._fields))
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise DataError(f"{folder / FILE} holds no chorales: {error}. Remove it, and it is fetched again.") from error


SOURCE = Source(
    name="jsb",
    task="music",
    description="Bach's chorales in quarter notes, as piano rolls: 229 to train, 76 to validate, 77 to test.",
    licence="none stated",
    homepage="https://github.com/czhuang/JSB-Chorales-dataset",
    steps_per_beat=1,
    read=read,
    files=(SourceFile(FILE, _URL, _SHA256, 407_200),),
)
