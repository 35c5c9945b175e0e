"""The `rnnkit` command line."""


def main() -> None:
    """The console script, which answers Ctrl-C from the first moment on."""
    from rnnkit.cli.ended import one_line

    with one_line():
        from rnnkit.cli.app import main as run

        run()
