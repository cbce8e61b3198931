#!/usr/bin/env bash
# With moto's check of IAM policies switched on, a user who may do everything calls Lambda's `list_functions` and
# `get_function`. Expected: both work. Seen: moto answers each with `SignatureDoesNotMatch`, although boto3 signed the request
# with the user's own key. `invoke` fails the same way without a payload, and works with one. Every other request without a
# body that we tried to a service with the REST-JSON protocol (EKS, API Gateway) fails, too, before moto looks at a policy.
#
# Seen with moto 5.2.5 and boto3 1.44.8. It concerns everybody who tests policies for these services: a test that expects a
# denial passes for the wrong reason.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[apigateway,awslambda,eks,iam]==5.2.5' 'boto3==1.44.8'

cat > "$work/calls.py" <<'PYTHON'
import json
import os
import re

os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count


# Three calls make the user; the fourth is the first that is checked.
@set_initial_no_auth_action_count(3)
@mock_aws(config={"lambda": {"use_docker": False}})
def call(service, operation, **arguments):
    iam = boto3.client("iam")
    iam.create_user(UserName="clip_user")
    key = iam.create_access_key(UserName="clip_user")["AccessKey"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="clip_user", PolicyName="all", PolicyDocument=json.dumps(policy))
    client = boto3.client(
        service, aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )
    try:
        getattr(client, operation)(**arguments)
        return "passes"
    except ClientError as error:
        return re.search(r"<Code>(.*?)</Code>", str(error))[1]


print("lambda list_functions:", call("lambda", "list_functions"))
print("lambda invoke without a payload:", call("lambda", "invoke", FunctionName="clip-cutter"))
print("lambda invoke with a payload:", call("lambda", "invoke", FunctionName="clip-cutter", Payload=b"{}"))
print("eks list_clusters:", call("eks", "list_clusters"))
print("apigateway get_rest_apis:", call("apigateway", "get_rest_apis"))
print("sns list_topics:", call("sns", "list_topics"))
print("s3 list_buckets:", call("s3", "list_buckets"))
PYTHON
cat > "$work/expected" <<'TEXT'
lambda list_functions: SignatureDoesNotMatch
lambda invoke without a payload: SignatureDoesNotMatch
lambda invoke with a payload: passes
eks list_clusters: SignatureDoesNotMatch
apigateway get_rest_apis: SignatureDoesNotMatch
sns list_topics: passes
s3 list_buckets: passes
TEXT
"$work/venv/bin/python" "$work/calls.py" | tee "$work/seen"
diff "$work/expected" "$work/seen"
