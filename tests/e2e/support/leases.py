"""Grants that expire: the rule that asks for them, the statement, and what is allowed at a time."""

import datetime
import json

from support.judge import Call, judge
from support.policies import for_good

OLD = "2020-01-01T00:00:00Z"
FAR = "2999-01-01T00:00:00Z"


def allowlist(days, account):
    """The example's, with a lease on the rule for the user."""
    document = json.loads(account.environment()["ALLOWLIST"])
    document["rules"][0]["expiresAfter"] = days
    return json.dumps(document)


def ends(days):
    """When a lease of so many days ends that is granted now: with the day that the days reach into."""
    day = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=days + 1)
    return f"{day.isoformat()}T00:00:00Z"


def until(end, *functions):
    return {**for_good(*functions), "Condition": {"DateLessThan": {"aws:CurrentTime": end}}}


def decisions(policy, resource, times):
    calls = [Call("lambda:InvokeFunction", resource, {"aws:CurrentTime": time}) for time in times]
    return judge([policy], calls)
