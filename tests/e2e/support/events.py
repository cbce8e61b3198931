"""The files of events/, and what is expected of each."""

import json

from local.aws import ROOT


def event(name="user"):
    return json.loads((ROOT / f"events/{name}.json").read_text())


def expected(path):
    return json.loads((path.parent / "expected" / path.name).read_text())
