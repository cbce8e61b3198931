#!/usr/bin/env bash
# The linters of CloudFormation over template.yaml, for `make check`. CFN_LINT and CHECKOV name the programs.
#
# checkov leaves out what the defaults do not create. So it looks at the template with all four of that switched on as
# well, and has to have looked at it: the trail and its bucket, the permissions of the two other ways in, and the ledger's
# table.
set -euo pipefail
cd "$(dirname "$0")/.."
export AWS_DEFAULT_REGION=us-east-1
all=target/template-with-all.yaml

fail() {
    echo "$*" >&2
    exit 1
}

mkdir -p target
sed -e 's/^    Default: "no"$/    Default: "yes"/' \
    -e '/^  ReportSource:$/,/^  [A-Z].*:$/s/^    Default: ""$/    Default: com.example.clips/' \
    -e '/^  DeniedInvokeLogGroup:$/,/^  [A-Z].*:$/s/^    Default: ""$/    Default: clips/' \
    -e '/^  Ledger:$/,/^  [A-Z].*:$/s/^    Default: none$/    Default: create/' \
    template.yaml > "$all"
switched=$(diff template.yaml "$all" | grep --count '^>' || true)
test "$switched" = 4 || fail "$all does not switch all four on"

for template in template.yaml "$all"; do
    "$CFN_LINT" "$template"
    "$CHECKOV" --file "$template" --framework cloudformation --skip-download --compact --quiet
done
seen=$("$CHECKOV" --file "$all" --framework cloudformation --skip-download --compact \
    --check CKV_AWS_35,CKV_AWS_36,CKV_AWS_21,CKV_AWS_364,CKV_AWS_28,CKV_AWS_119 || true)
grep --quiet '^Passed checks: 7, Failed checks: 0' <<< "$seen" || fail "checkov did not look at all that can be switched on"
