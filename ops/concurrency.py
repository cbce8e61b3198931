"""Whether Lambda lets the function have what ReservedConcurrency asks for.

What it refuses makes CloudFormation roll the whole stack back, so that it is looked up beforehand. That takes the right
lambda:GetAccountSettings; without it nothing is looked up.
"""

from botocore.exceptions import BotoCoreError, ClientError

from ops import stack as stacks
from ops.command import Failure, explain

PARAMETER = "ReservedConcurrency"
# So much has to stay unreserved: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html
DOCUMENTED_MINIMUM = 100
# Where an account's limit is low, Lambda's refusals name less ("below its minimum value of [10]"), and none is known that
# names less than this.
LEAST_MINIMUM = 10
QUOTA = "have Lambda's quota Concurrent executions raised in Service Quotas"


def number(text):
    return int(text) if text and text.isascii() and text.isdecimal() else 0


def limits(session):
    """How much the account may run at once in this region, and how much of that is unreserved; None where nobody tells."""
    try:
        found = session.client("lambda").get_account_settings()["AccountLimit"]
        return found["ConcurrentExecutions"], found["UnreservedConcurrentExecutions"]
    except (ClientError, BotoCoreError) as error:
        # What a server says may have lines of its own.
        why = " ".join(explain(error).split())
    except KeyError:
        why = "the answer names no limit"
    print(f"Whether {PARAMETER} can be had here was not looked up (lambda:GetAccountSettings): {why}.", flush=True)
    return None


def told(found):
    limit, unreserved = found
    return f"this account's limit is {limit} concurrent executions in this region, {unreserved} of them unreserved"


def held(name):
    """What the stack's function has reserved already."""
    stack = stacks.find(name)
    # What was rolled back when it was made still has its parameters, but neither outputs nor a function.
    return number(stack.parameters.get(PARAMETER)) if stack and stack.outputs else 0


def before_the_questions(session):
    """Tells where any is refused, since the SAM CLI is about to ask for it."""
    found = limits(session)
    if found and found[1] - 1 < LEAST_MINIMUM:
        print(f"{PARAMETER} cannot be had here: {told(found)}. Leave it at 0, or {QUOTA} first.", flush=True)


def require(session, name, wanted, config):
    """Stops where what is wanted is refused for certain, and tells where it may be."""
    wanted = number(wanted)
    if wanted == 0 or wanted <= (reserved := held(name)):
        return
    if (found := limits(session)) is None:
        return
    left = found[1] + reserved - wanted
    what_to_do = f"set {PARAMETER}=0 among the parameter_overrides of {config}, which switches it off, or {QUOTA}"
    if left < LEAST_MINIMUM:
        raise Failure(f"{PARAMETER}={wanted} cannot be deployed, and the stack would be rolled back: {told(found)}; {what_to_do}")
    if left < DOCUMENTED_MINIMUM:
        print(
            f"{PARAMETER}={wanted} may be refused, and the stack be rolled back: {told(found)}, and Lambda documents that "
            f"{DOCUMENTED_MINIMUM} have to stay so. If that happens, {what_to_do}.",
            flush=True,
        )
