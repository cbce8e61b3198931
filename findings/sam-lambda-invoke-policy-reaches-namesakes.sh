#!/usr/bin/env bash
# SAM's policy template `LambdaInvokePolicy` takes the name of one function. It should allow that function and its
# versions and aliases. Its resource ends in `function:NAME*`, without a colon before the star, and so it allows every
# function whose name begins with that name as well: a caller of `clip-cutter` may invoke `clip-cutter-admin`.
#
# Seen with aws-sam-translator 1.115.0. It concerns each function that takes its permission from this template, as long
# as the account may hold a function with a longer name. `FUNCTION-ARN` and `FUNCTION-ARN:*` say what is meant.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'aws-sam-translator==1.115.0'

cat > "$work/template.py" <<'PYTHON'
import fnmatch
import os

os.environ["AWS_DEFAULT_REGION"] = "us-east-1"

from samtranslator.translator.transform import transform


class NoManagedPolicies:
    def load(self):
        return {}


properties = {
    "CodeUri": "s3://clips/code.zip",
    "Handler": "clips.handler",
    "Runtime": "python3.13",
    "Policies": [{"LambdaInvokePolicy": {"FunctionName": "clip-cutter"}}],
}
template = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {"Caller": {"Type": "AWS::Serverless::Function", "Properties": properties}},
}
role = transform(template, {}, NoManagedPolicies())["Resources"]["CallerRole"]
(policy,) = role["Properties"]["Policies"]
(statement,) = policy["PolicyDocument"]["Statement"]
pattern, values = statement["Resource"]["Fn::Sub"]
print(pattern, values)
own = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "281502313273", **values}
for name, value in own.items():
    pattern = pattern.replace("${" + name + "}", value)
for called in ("clip-cutter", "clip-cutter:live", "clip-cutter-admin", "clip-joiner"):
    arn = f"arn:aws:lambda:us-east-1:281502313273:function:{called}"
    print(called, "matches" if fnmatch.fnmatchcase(arn, pattern) else "does not match")
PYTHON
cat > "$work/expected" <<'TEXT'
arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${functionName}* {'functionName': 'clip-cutter'}
clip-cutter matches
clip-cutter:live matches
clip-cutter-admin matches
clip-joiner does not match
TEXT
"$work/venv/bin/python" "$work/template.py" | tee "$work/seen"
diff "$work/expected" "$work/seen"
