"""SECURITY.md held against the files: what it points at is there."""

import re

import pytest

from local.aws import ROOT

REFERENCES = sorted(set(re.findall(r"`((?:core|src|tests|events)/[^`]+)`", (ROOT / "SECURITY.md").read_text())))


@pytest.mark.parametrize("reference", REFERENCES)
def test_what_the_threat_model_rests_on_is_there(reference):
    pattern, _, test = reference.partition("::")
    files = list(ROOT.glob(pattern))
    assert files
    if test:
        [file] = files
        assert re.search(rf"^\s*(?:async )?(?:fn|def) {test}\(", file.read_text(), re.M)
