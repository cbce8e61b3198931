"""The emulator of `make demo` and `make invoke`."""

import pytest

from local.aws import ROOT
from local.emulator import emulator


def test_a_function_that_cannot_start_is_shown_with_what_is_wrong(account):
    with emulator(account.environment(MODE="dry")) as function:
        with pytest.raises(RuntimeError, match="BadConfiguration: environment variable MODE: `dry` is neither"):
            function.invoke(ROOT / "events/user.json")
