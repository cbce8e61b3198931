#!/usr/bin/env bash
# Chalice generates a function's policy from the calls in its source code. Expected: a call of boto3's `invoke`, the usual
# way to call another function, adds `lambda:InvokeFunction`, the action that IAM checks for it. Seen: `invoke` adds nothing,
# and neither does `invoke_with_response_stream`. Only the deprecated `invoke_async` adds an action, `lambda:InvokeAsync`.
# Chalice's table of operations and actions lacks the other two.
#
# Seen with chalice 1.34.0. It concerns everybody who lets Chalice generate the policy, which is the default: Chalice does
# not warn, and AWS denies the deployed function's first invoke. Users have asked for it since 2017, in aws/chalice issue 484.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'chalice==1.34.0' 'setuptools<81'

cat > "$work/policies.py" <<'PYTHON'
from chalice.policy import policy_from_source_code

for call in (
    'invoke(FunctionName="clip-cutter")',
    'invoke_with_response_stream(FunctionName="clip-cutter")',
    'invoke_async(FunctionName="clip-cutter", InvokeArgs=b"{}")',
    'list_functions()',
):
    policy = policy_from_source_code(f'import boto3\nboto3.client("lambda").{call}\n')
    print(call.partition("(")[0], [statement["Action"] for statement in policy["Statement"]])
PYTHON
cat > "$work/expected" <<'TEXT'
invoke []
invoke_with_response_stream []
invoke_async [['lambda:InvokeAsync']]
list_functions [['lambda:ListFunctions']]
TEXT
"$work/venv/bin/python" "$work/policies.py" | tee "$work/seen"
diff "$work/expected" "$work/seen"
