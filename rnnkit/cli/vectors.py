"""`rnnkit vectors`: word vectors from texts."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from rnnkit.errors import ArgumentError
from rnnkit.report import terminal
from rnnkit.text.vectors import train_vectors

Texts = Annotated[
    Path, typer.Argument(help="A text file, plain or .gz, or a folder of such; each line is a text.", metavar="FILE")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="The file to write, as word2vec text.", metavar="FILE")]
Size = Annotated[int, typer.Option(help="Dimensions of a vector.", metavar="N")]
Epochs = Annotated[int, typer.Option(help="Passes over the texts.", metavar="N")]
MinCount = Annotated[int, typer.Option(help="Words that occur less often get no vector.", metavar="N")]
KeepCase = Annotated[bool, typer.Option("--keep-case", help="Tell capital letters from small ones.")]
FoldDigits = Annotated[bool, typer.Option("--fold-digits", help="Write each digit as 0, as the task ner reads words.")]
Seed = Annotated[int, typer.Option(help="Random seed.", metavar="N")]


def vectors(
    file: Texts,
    out: Out = Path("vectors.txt"),
    size: Size = 100,
    epochs: Epochs = 5,
    min_count: MinCount = 2,
    keep_case: KeepCase = False,
    fold_digits: FoldDigits = False,
    seed: Seed = 0,
) -> None:
    """Learn word vectors from unlabelled texts, for --set vectors=FILE of the tasks sentiment and ner."""
    if out.exists():
        raise ArgumentError(f"out: {out} exists already. Name another file, or delete it.")
    console = terminal.console()
    learning = {"size": size, "epochs": epochs, "min_count": min_count, "seed": seed}
    with console.status("Learning"):
        count = train_vectors(file, out, **learning, lowercase=not keep_case, fold_digits=fold_digits)
    console.print(f"[bold]{escape(str(out))}[/]  {count:,} words, {size} dimensions", highlight=False, soft_wrap=True)
