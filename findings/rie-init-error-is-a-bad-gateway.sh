#!/usr/bin/env bash
# A function that cannot start reports why, by a POST to the Runtime API's `init/error`. Expected: AWS's Runtime Interface
# Emulator, which is in every base image of AWS, passes that on as Lambda does: status 200 with `X-Amz-Function-Error` and the
# error as JSON. Seen: it answers 502 and `text/plain`, without that header. The AWS CLI takes this for a passing fault, retries
# so that the function starts again for each of its five attempts, and then prints an error with nothing behind its colon. The
# body has the text, but only a plain HTTP client shows it.
#
# Seen with the emulator of aws-sam-cli 1.170.0 and awscli 1.46.3. It concerns everybody who tests a container image locally
# and looks for the reason of a failed start.
set -euo pipefail
work=$(mktemp -d)
trap 'kill %1 2> /dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'awscli==1.46.3'
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$work/sam" 'aws-sam-cli==1.170.0'
rie="$work/sam/samcli/local/rapid/aws-lambda-rie-x86_64"
chmod +x "$rie"

# A function that cannot start: it reports that, and ends.
cat > "$work/bootstrap" <<'FUNCTION'
#!/usr/bin/env python3
import json
import os
import urllib.request

with open(os.environ["STARTS"], "a") as starts:
    starts.write("started\n")
body = json.dumps({"errorMessage": "the table is not set", "errorType": "BadConfiguration", "stackTrace": []}).encode()
urllib.request.urlopen(
    urllib.request.Request(
        f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/init/error",
        data=body,
        headers={"Lambda-Runtime-Function-Error-Type": "Function.BadConfiguration"},
    )
)
raise SystemExit(1)
FUNCTION
chmod +x "$work/bootstrap"

export STARTS="$work/starts"
read -r api door < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
[one.bind(("127.0.0.1", 0)) for one in sockets]
print(*(one.getsockname()[1] for one in sockets))')
"$rie" --runtime-api-address "127.0.0.1:$api" --runtime-interface-emulator-address "127.0.0.1:$door" "$work/bootstrap" \
    > "$work/rie.log" 2>&1 &
for _ in $(seq 50); do
    python3 -c "import socket; socket.create_connection(('127.0.0.1', $door), 1)" 2> /dev/null && break
    sleep 0.1
done

: > "$STARTS"
url="http://127.0.0.1:$door/2015-03-31/functions/function/invocations"
python3 - "$url" > "$work/answer" <<'PYTHON'
import sys
import urllib.error
import urllib.request

try:
    answer = urllib.request.urlopen(urllib.request.Request(sys.argv[1], data=b"{}"), timeout=20)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.headers["Content-Type"], answer.headers["X-Amz-Function-Error"])
print(answer.read().decode())
PYTHON
cat "$work/answer"
grep --quiet '^502 text/plain.* None$' "$work/answer"
grep --quiet 'the table is not set' "$work/answer"

: > "$STARTS"
AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1 AWS_MAX_ATTEMPTS=5 \
    "$work/venv/bin/aws" lambda invoke --endpoint-url "http://127.0.0.1:$door" --function-name function "$work/out" \
    > "$work/cli" 2>&1 && exit 1
cat "$work/cli"
grep --quiet '(502) when calling the Invoke operation (reached max retries: 4): *$' "$work/cli"
! grep --quiet 'the table is not set' "$work/cli"
test "$(wc -l < "$STARTS")" -ge 5
