#!/usr/bin/env bash
# Expected: a SAM connector from one function to another (`Write`) allows every call of the other function. Seen: the policy
# that it writes names only the function's own ARN, even if the other function is published under an alias. IAM compares the
# ARN that is called, with its qualifier, so it denies a call of the alias, which is what `AutoPublishAlias` is for. The policy
# needs a second resource, `FUNCTION-ARN:*`.
#
# Seen with aws-sam-translator 1.115.0. It concerns callers that name an alias or a version.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'aws-sam-translator==1.115.0'

cat > "$work/connector.py" <<'PYTHON'
import json
import os

os.environ["AWS_DEFAULT_REGION"] = "us-east-1"

from samtranslator.translator.transform import transform


class NoManagedPolicies:
    def load(self):
        return {}


def function(**more):
    properties = {"CodeUri": "s3://clips/code.zip", "Handler": "clips.handler", "Runtime": "python3.13", **more}
    return {"Type": "AWS::Serverless::Function", "Properties": properties}


connector = {"Properties": {"Destination": {"Id": "Cutter"}, "Permissions": ["Write"]}}
template = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Caller": {**function(), "Connectors": {"ToCutter": connector}},
        "Cutter": function(AutoPublishAlias="live"),
    },
}
resources = transform(template, {}, NoManagedPolicies())["Resources"]
print("alias:", *(name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Alias"))
for resource in resources.values():
    if resource["Type"] == "AWS::IAM::ManagedPolicy":
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            print(json.dumps([statement["Action"], statement["Resource"]]))
PYTHON
cat > "$work/expected" <<'TEXT'
alias: CutterAliaslive
[["lambda:InvokeAsync", "lambda:InvokeFunction"], [{"Fn::GetAtt": ["Cutter", "Arn"]}]]
TEXT
"$work/venv/bin/python" "$work/connector.py" | tee "$work/seen"
diff "$work/expected" "$work/seen"
