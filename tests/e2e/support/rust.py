"""The Rust sources, for tests that hold another file against them: found by what they say, wherever that stands."""

import re

from local.aws import ROOT

FUNCTION, CORE = "src", "core/src"


def sources(*folders):
    """The text of each file in these folders (of the function and of the core where none is named), by its path."""
    paths = (path for folder in folders or (FUNCTION, CORE) for path in sorted((ROOT / folder).rglob("*.rs")))
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


def definition(pattern, *folders):
    """The match of the one place in these folders that defines what the pattern describes; `^` and `$` are those of a line."""
    found = [(path, match) for path, text in sources(*folders).items() for match in re.finditer(pattern, text, re.M | re.S)]
    assert len(found) == 1, f"`{pattern}` is in {[path for path, _ in found] or 'no file'}, and should be in one, once"
    return found[0][1]


def every(pattern, *folders):
    """What the pattern finds in all files of these folders, as re.findall gives it."""
    return [item for text in sources(*folders).values() for item in re.findall(pattern, text, re.M | re.S)]
