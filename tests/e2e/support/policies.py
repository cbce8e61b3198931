"""The policy that the function writes, and the statements in it."""

FUNCTION = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter"
PAIR = [FUNCTION, f"{FUNCTION}:*"]
OTHER = "arn:aws:lambda:us-east-1:281502313273:function:other"
DENY = {"Sid": "ByHand", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def for_good(*functions):
    resources = [resource for function in functions for resource in (function, f"{function}:*")]
    return {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": resources}


def first_policy(function):
    statement = {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": [function, f"{function}:*"]}
    return {"Version": "2012-10-17", "Statement": [statement]}


FIRST_POLICY = first_policy(FUNCTION)
