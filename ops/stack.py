"""The deployed stack: its account, region, outputs and parameters."""

import os
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from ops.command import REGION, Failure


class Stack:
    def __init__(self, session, description):
        self.session = session
        self.name = description["StackName"]
        # arn:PARTITION:cloudformation:REGION:ACCOUNT:stack/NAME/ID
        _, self.partition, _, self.region, self.account, _ = description["StackId"].split(":", 5)
        self.outputs = {item["OutputKey"]: item["OutputValue"] for item in description.get("Outputs", [])}
        self.parameters = {item["ParameterKey"]: item.get("ParameterValue", "") for item in description.get("Parameters", [])}

    def __str__(self):
        return f"stack {self.name} in account {self.account}, {self.region}"

    def output(self, name):
        if name not in self.outputs:
            raise Failure(f"the {self} has no output {name}: was it deployed with this template? `make deploy` updates it")
        return self.outputs[name]

    def client(self, service, **options):
        return self.session.client(service, config=Config(**options))


def session():
    # boto3 reads only AWS_DEFAULT_REGION; other tools read AWS_REGION first.
    found = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
    if not found.region_name:
        raise Failure(f"the region is not known: {REGION}")
    return found


def find(name):
    """Returns the stack of that name, or None."""
    here = session()
    try:
        [description] = here.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    return Stack(here, description)


def require(name):
    stack = find(name)
    if stack is None:
        region = session().region_name
        raise Failure(
            f"there is no stack {name} in {region}: STACK=... names another one, REGION=... another region, "
            "and `make deploy` makes one"
        )
    print(f"The {stack}.", file=sys.stderr)
    return stack
