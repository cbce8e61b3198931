"""A table for each test, and functions that share it."""

import json
import uuid
from contextlib import ExitStack

import pytest

from local import runtime_api
from support.binaries import BINARY
from support.shared import LIST


@pytest.fixture(scope="session")
def dynamodb(the_account):
    return the_account.client("dynamodb")


@pytest.fixture
def table(account):
    """The name of an empty ledger."""
    return account.create_ledger(f"ledger-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def environment(account, calls, table):
    """The variables of a function with the ledger, behind the proxy."""

    def environment(endpoint=None, **variables):
        given = {"LEDGER_TABLE": table, "ALLOWLIST": json.dumps(LIST), **variables}
        return account.environment(endpoint=endpoint or calls.endpoint, **given)

    return environment


@pytest.fixture
def fleet(environment):
    """Starts a function, or several, that share the table."""
    with ExitStack() as stack:

        def one(endpoint=None, **variables):
            return stack.enter_context(runtime_api.function(BINARY, environment(endpoint, **variables)))

        yield one
