#!/usr/bin/env bash
# moto checks IAM policies if a test asks for it (`set_initial_no_auth_action_count`). Expected: an invoke needs the action
# `lambda:InvokeFunction`, as in AWS. Seen: it needs `lambda:Invoke`, which is not an action of AWS: moto takes the operation's
# name for the action's. So moto refuses the right policy and accepts a meaningless one. The denial's text names
# `lambda:Invoke`, too, and has neither a resource nor a reason.
#
# Seen with moto 5.2.5 and boto3 1.44.8. It concerns everybody who tests least privilege for Lambda, or code that reads such
# denials.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[awslambda,iam]==5.2.5' 'boto3==1.44.8'

cat > "$work/invoke.py" <<'PYTHON'
import json
import os
import re

os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count


# Three calls make the user; the fourth, the invoke, is the first that is checked.
@set_initial_no_auth_action_count(3)
@mock_aws(config={"lambda": {"use_docker": False}})
def invoke(action):
    iam = boto3.client("iam")
    iam.create_user(UserName="clip_user")
    key = iam.create_access_key(UserName="clip_user")["AccessKey"]
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="clip_user", PolicyName="invoke", PolicyDocument=policy)
    client = boto3.client(
        "lambda", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )
    try:
        return client.invoke(FunctionName="clip-cutter", Payload=b"{}")["StatusCode"]
    except ClientError as error:
        return re.search(r"<Message>(.*?)</Message>", str(error))[1]


for action in ("lambda:InvokeFunction", "lambda:Invoke"):
    print(f"{action}: {invoke(action)}")
PYTHON
cat > "$work/expected" <<'TEXT'
lambda:InvokeFunction: User: arn:aws:iam::123456789012:user/clip_user is not authorized to perform: lambda:Invoke
lambda:Invoke: 200
TEXT
"$work/venv/bin/python" "$work/invoke.py" | tee "$work/seen"
diff "$work/expected" "$work/seen"
