#!/usr/bin/env bash
# Chalice writes the policy of a function from the calls that it finds in the source. boto3's `invoke`, the usual call
# to another function, should give `lambda:InvokeFunction`, the action that IAM checks for it. It gives nothing, and so
# does `invoke_with_response_stream`; the deprecated `invoke_async` alone gives something, `lambda:InvokeAsync`. Chalice's
# table of operations and their actions has neither of the two.
#
# Seen with chalice 1.34.0. It concerns whoever leaves the policy to Chalice, its default: no warning is given, and what
# is deployed is denied its first invoke. Asked for since 2017, in aws/chalice issue 484.
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
