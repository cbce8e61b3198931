"""Checks before a deployment whether Lambda accepts ReservedConcurrency.

If Lambda refuses it, CloudFormation rolls the whole stack back. The check needs lambda:GetAccountSettings; without that
permission it says so, and the deployment goes on.
"""

from botocore.exceptions import BotoCoreError, ClientError

from ops import stack as stacks
from ops.command import Failure, explain

PARAMETER = "ReservedConcurrency"
# AWS documents that so much must stay unreserved: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html
DOCUMENTED_MINIMUM = 100
# If an account's limit is low, Lambda's refusals name less ("below its minimum value of [10]"). We know of none that names
# less than this.
LEAST_MINIMUM = 10
QUOTA = "have Lambda's quota Concurrent executions raised in Service Quotas"


def number(text):
    return int(text) if text and text.isascii() and text.isdecimal() else 0


def limits(session):
    """Returns the account's concurrency limit in this region, and how much of it is unreserved; None if that is unknown."""
    try:
        found = session.client("lambda").get_account_settings()["AccountLimit"]
        return found["ConcurrentExecutions"], found["UnreservedConcurrentExecutions"]
    except (ClientError, BotoCoreError) as error:
        # A server's answer may have several lines.
        why = " ".join(explain(error).split())
    except KeyError:
        why = "the answer names no limit"
    print(f"Whether Lambda accepts {PARAMETER} was not looked up (lambda:GetAccountSettings): {why}.", flush=True)
    return None


def described(found):
    limit, unreserved = found
    return f"this account's limit is {limit} concurrent executions in this region, {unreserved} of them unreserved"


def reserved_by(name):
    """Returns how much the stack's function has reserved already."""
    stack = stacks.find(name)
    # A stack whose creation was rolled back still has its parameters, but neither outputs nor a function.
    return number(stack.parameters.get(PARAMETER)) if stack and stack.outputs else 0


def before_the_questions(session):
    """Warns if Lambda refuses every value, since the SAM CLI is about to ask for one."""
    found = limits(session)
    if found and found[1] - 1 < LEAST_MINIMUM:
        print(f"Lambda accepts no {PARAMETER} here: {described(found)}. Leave it at 0, or {QUOTA} first.", flush=True)


def require(session, name, wanted, config):
    """Fails if Lambda is certain to refuse the wanted value, and warns if it may."""
    wanted = number(wanted)
    if wanted == 0 or wanted <= (reserved := reserved_by(name)):
        return
    if (found := limits(session)) is None:
        return
    left = found[1] + reserved - wanted
    what_to_do = f"set {PARAMETER}=0 among the parameter_overrides of {config}, which reserves nothing, or {QUOTA}"
    if left < LEAST_MINIMUM:
        raise Failure(f"{PARAMETER}={wanted} cannot be deployed, since Lambda refuses it: {described(found)}; {what_to_do}")
    if left < DOCUMENTED_MINIMUM:
        print(
            f"{PARAMETER}={wanted} may be refused, and CloudFormation would roll the stack back: {described(found)}, and AWS "
            f"documents that {DOCUMENTED_MINIMUM} must stay unreserved. If that happens, {what_to_do}.",
            flush=True,
        )
