"""The crates of the workspace: where each is, what depends on it, and whose a changed file is."""

import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# In the order in which they are tested: what others stand on comes first.
TESTED = ["remediator-core", "lambda-invoke-remediator", "remediator", "bench-driver"]
FUNCTION = "lambda-invoke-remediator"
# What any crate may be built differently by.
OF_ALL = {"Cargo.toml", "Cargo.lock", "clippy.toml", "rustfmt.toml"}
# The root package's own folders. All else beside them belongs to other crates, or to none.
OF_FUNCTION = ("src/", "tests/it/")


@dataclass
class Crate:
    """A package of the workspace."""

    name: str
    # Its folder below the root, "" for the root package.
    folder: str
    # The crates of the workspace that it is built from.
    built_from: set
    # The folders and files, below the root, of its targets.
    targets: list = field(default_factory=list)

    def folders(self):
        """Returns the folders of its files. The root package shares its own with all others."""
        return OF_FUNCTION if self.name == FUNCTION else (f"{self.folder}/",)

    def sources(self):
        """Returns the text of its Rust files."""
        return "".join(path.read_text() for folder in self.folders() for path in sorted((ROOT / folder).rglob("*.rs")))

    def owns(self, path):
        """Whether a file, given by its path below the root, is a part of it."""
        return path.startswith(self.folders()) or path in self.targets

    def reads(self, path):
        """Whether its sources name a file that is no crate's, or a folder above it, in a text: fixtures, schemas."""
        # The last parent is the root itself.
        folders = map(str, list(Path(path).parents)[:-1])
        names = [rf"[^\"\n]*(?<![\w-]){re.escape(Path(path).name)}", *(rf"(?:[^\"\n]*/)?{re.escape(folder)}" for folder in folders)]
        return re.search(rf"\"(?:{'|'.join(names)})\"", self.sources()) is not None


def workspace():
    """Returns each crate by its name, as cargo sees them."""
    command = ["cargo", "metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"]
    told = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    names = {package["name"] for package in told["packages"]}

    def below(path):
        folder = Path(path).relative_to(ROOT)
        return "" if folder == Path() else str(folder)

    return {
        package["name"]: Crate(
            package["name"],
            below(Path(package["manifest_path"]).parent),
            {item["name"] for item in package["dependencies"]} & names,
            [below(target["src_path"]) for target in package["targets"]],
        )
        for package in told["packages"]
    }


def touched(crates, paths):
    """Returns the crates that these files are parts of, or are read by, and the files that belong to none."""
    found, others = set(), []
    for path in paths:
        if path in OF_ALL:
            found |= set(crates)
        elif owners := {name for name, crate in crates.items() if crate.owns(path)} or {
            name for name, crate in crates.items() if crate.reads(path)
        }:
            found |= owners
        else:
            others.append(path)
    return found, others


def dependents(crates, names):
    """Returns these, and all that are built from one of them, directly or not."""
    found = set(names)
    while more := {name for name, crate in crates.items() if crate.built_from & found} - found:
        found |= more
    return found
