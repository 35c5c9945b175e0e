"""The README for a package index: links into the repository become absolute, below the address in pyproject.toml."""

import re
import tomllib
from pathlib import Path

from setuptools import setup


def with_absolute_links(markdown: str, repository: str) -> str:
    """The text with relative links below `repository`: pictures as raw files, all others as pages."""
    markdown = re.sub(r"(!\[[^\]]*\]\()(?!https?://|#)", rf"\g<1>{repository}/raw/main/", markdown)
    return re.sub(r"((?<!!)\[[^\]]*\]\()(?!https?://|#)", rf"\g<1>{repository}/blob/main/", markdown)


if __name__ == "__main__":
    folder = Path(__file__).parent
    urls = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    readme = (folder / "README.md").read_text(encoding="utf-8")
    setup(
        long_description=with_absolute_links(readme, urls["Repository"]),
        long_description_content_type="text/markdown",
    )
