"""What AWS writes to a caller that is denied lambda:InvokeFunction.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

from local.aws import ACCOUNT, REGION

IDENTITY_BASED = " because no identity-based policy allows the lambda:InvokeFunction action"


def user(name, account=ACCOUNT):
    """The ARN of a user: its path, if it has one, and its name."""
    return f"arn:aws:iam::{account}:user/{name}"


def session(role, account=ACCOUNT):
    """The ARN of a session of a role, which has no path."""
    return f"arn:aws:sts::{account}:assumed-role/{role}/job-42"


def function(name, account=ACCOUNT):
    return f"arn:aws:lambda:{REGION}:{account}:function:{name}"


def denied(principal, name="price-quote", clause=IDENTITY_BASED):
    return (
        f"User: {principal} is not authorized to perform: lambda:InvokeFunction on resource: {function(name)}{clause}"
    )
