"""Several environments that share a ledger and write the policy of one user, each behind a proxy of its own."""

import json
from contextlib import ExitStack

from local import proxy, runtime_api
from support.binaries import BINARY
from support.dynamodb_calls import Watch
from support.own_user import LIST, OwnUser


class Party:
    def __init__(self, account, dynamodb, table):
        self.account, self.dynamodb, self.table, self.stack = account, dynamodb, table, ExitStack()
        self.user, self.watches = OwnUser(account), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def behind_proxy(self, **variables):
        """A function's environment variables, with a watched proxy of its own before the services."""
        calls = self.stack.enter_context(proxy.proxy(self.account.endpoint))
        given = {"LEDGER_TABLE": self.table, "ALLOWLIST": json.dumps(LIST), **variables}
        self.watches.append(Watch(calls, self.dynamodb, self.table))
        return self.account.environment(endpoint=calls.endpoint, **given)

    def start(self, **variables):
        """Starts an environment, and returns the function and the watch before it."""
        environment = self.behind_proxy(**variables)
        return self.stack.enter_context(runtime_api.function(BINARY, environment)), self.watches[-1]

    def violations(self):
        return [violation for watch in self.watches for violation in watch.violations]

    def puts(self):
        return sum(step in ("PutUserPolicy", "DeleteUserPolicy") for watch in self.watches for step, _ in watch.all)

    def lock(self):
        key = {"pk": {"S": self.user.partition}, "sk": {"S": "lock"}}
        return self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item", {})

    def items(self, kind=""):
        """This user's items whose sort key begins with `kind`."""
        values = {":pk": {"S": self.user.partition}}
        asked = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": values, "ConsistentRead": True}
        found = self.dynamodb.query(TableName=self.table, **asked)["Items"]
        return [item for item in found if item["sk"]["S"].startswith(kind)]
