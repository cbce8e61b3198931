"""The function with a ledger beside the function without one, in one run: a grant, forty writers, a storm, a cold start, growth.

    python -m benches.ledger BINARY [--rounds N]

moto plays the account, behind a proxy that delays each call. It is one process of Python that serves all, so that many writers wait
for it as well: what counts are the ratios. Writes `target/bench/ledger.md`, `ledger.json` and `ledger-growth.svg`, and fails where a
budget is missed.
"""

import argparse
import json
import statistics
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pygal

from local import aws, proxy, runtime_api
from local.aws import ACCOUNT, REGION, ROOT

OUTPUT = ROOT / "target/bench"
PREFIX = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
LIST = {"rules": [{"id": "clips", "principals": [f"arn:aws:iam::{ACCOUNT}:role/*"], "functions": [f"{PREFIX}clip-*"]}]}
# Seconds that a call takes: one, and from and to.
ONE_CALL, MANY_CALLS = 0.010, (0.010, 0.040)
WRITERS = (1, 2, 5, 10, 20, 40, 70, 100)

# US East (N. Virginia), in USD, on-demand, after the reduction of November 2024; no free tier.
# https://aws.amazon.com/dynamodb/pricing/on-demand/
PER_WRITE_UNIT, PER_READ_UNIT = 0.625 / 1e6, 0.125 / 1e6
# Units of the calls below: 1 KB written is one, 4 KB read consistently is one, and an item that is not there counts as one.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
# A grant: what is recalled (4), the query; the lock taken, renewed and freed, the intent with a document of up to 2 KB, the record
# and the log's entry, and what is noted of the notice (3).
GRANT_UNITS = {"read": 4 + 1, "written": 3 + 2 + 2 + 3}
# A refusal: the notice's state, its count and the event; the claim, the state and the event.
REFUSAL_UNITS = {"read": 3, "written": 1 + 2}
# A repeat of it: the same; the event and the count.
REPEAT_UNITS = {"read": 3, "written": 1 + 1}


def denial(name, role="render-worker"):
    text = (ROOT / "events/role.json").read_text().replace("ffmpeg-clip-cutter", name)
    body = json.loads(text.replace("render-worker", role))
    body["detail"]["eventID"] = str(uuid.uuid4())
    return json.dumps(body).encode()


class Fleet:
    """Functions of one kind, with or without a ledger, in an account of their own."""

    def __init__(self, stack, binary, has_ledger, delay):
        self.account = stack.enter_context(aws.account())
        self.proxy = stack.enter_context(proxy.proxy(self.account.endpoint))
        self.proxy.least_delay, self.proxy.delay = delay
        self.binary = binary
        table = {"LEDGER_TABLE": self.account.create_ledger()} if has_ledger else {}
        self.variables = self.account.environment(endpoint=self.proxy.endpoint, ALLOWLIST=json.dumps(LIST), **table)

    def start(self, stack):
        return stack.enter_context(runtime_api.function(self.binary, self.variables))

    def write_at_once(self, count):
        """Lets so many environments grant a function each to one role, and says what that took."""
        # A role of its own: one whose policy was deleted by hand a moment ago would be waited for.
        role = f"writers-{count}"
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        self.account.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)
        with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
            functions = [self.start(stack) for _ in range(count)]
            while not all(function.polled_at for function in functions):
                time.sleep(0.05)
            names = [f"clip-{uuid.uuid4().hex[:8]}" for _ in range(count)]
            self.proxy.clear()
            began = time.monotonic()
            replies = list(pool.map(lambda pair: pair[0].invoke(denial(pair[1], role)), zip(functions, names)))
            took = time.monotonic() - began
        assert all(reply.body.get("outcome") == "granted" for reply in replies), replies
        granted = {resource.split(":")[6] for resource in self.account.policy(f"role/{role}")["Statement"][0]["Resource"]}
        kept = len(granted & set(names))
        assert kept == count or "LEDGER_TABLE" not in self.variables
        actions = self.proxy.actions()
        iam = [action for action in actions if action.startswith("iam:")]
        puts = iam.count("iam:PutRolePolicy")
        return {"writers": count, "wall s": took, "puts": puts, "IAM calls": len(iam), "all calls": len(actions), "kept": kept}


def warm_grants(fleet, count):
    """The median of a grant in seconds, in an environment that has made one."""
    with ExitStack() as stack:
        function = fleet.start(stack)
        times = []
        for index in range(count + 1):
            event = denial(f"clip-warm-{index}")
            began = time.monotonic()
            assert function.invoke(event).body["outcome"] == "granted"
            times.append(time.monotonic() - began)
        return statistics.median(times[1:])


def storm(fleet, environments, count):
    """The number of notices of identical refusals over several environments."""
    event = denial("nobody-admits-it")
    fleet.account.notices()
    with ExitStack() as stack, ThreadPoolExecutor(environments) as pool:
        functions = [fleet.start(stack) for _ in range(environments)]
        list(pool.map(lambda function: [function.invoke(event) for _ in range(count // environments)], functions))
    return len(fleet.account.notices())


class _AtOnce(BaseHTTPRequestHandler):
    """Answers at once: nothing is found."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"Items": [], "Count": 0}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


def starts(binary, rounds):
    """From the start of the process until it asks for its first event: the medians in seconds without and with a ledger, in turn."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _AtOnce)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    account = aws.Account(f"http://127.0.0.1:{server.server_port}")
    account.topic_arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:denied-invokes"
    plain = account.environment(ALLOWLIST=json.dumps(LIST))
    times = {False: [], True: []}
    for number in range(rounds + 1):
        for has_ledger in times:
            variables = {**plain, "LEDGER_TABLE": "ledger"} if has_ledger else plain
            with ExitStack() as stack:
                began = time.monotonic()
                function = stack.enter_context(runtime_api.function(binary, variables))
                while not function.polled_at:
                    time.sleep(0.0002)
                # The first round warms the page cache.
                if number:
                    times[has_ledger].append(function.polled_at - began)
    server.shutdown()
    return [statistics.median(times[has_ledger]) for has_ledger in (False, True)]


def plot(rows, path):
    chart = pygal.XY(js=[], title="Writers of one policy at once", x_title="environments, one function each", y_title="seconds until all are granted", legend_at_bottom=True, show_dots=True, human_readable=True, disable_xml_declaration=True)
    for has_ledger, name in ((False, "without a ledger"), (True, "with a ledger")):
        chart.add(name, [(row["writers"], round(row["wall s"], 2)) for row in rows[has_ledger]])
    path.write_text(chart.render(is_unicode=True) + "\n")


def cost(units, count):
    return count * (units["written"] * PER_WRITE_UNIT + units["read"] * PER_READ_UNIT)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    binary = given.binary.resolve()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        one = {has_ledger: Fleet(stack, binary, has_ledger, (ONE_CALL, ONE_CALL)) for has_ledger in (False, True)}
        grants = [warm_grants(one[has_ledger], given.rounds if has_ledger else 3) for has_ledger in (False, True)]
        notices = storm(one[True], 10, 1_000)
    init = starts(binary, 2 * given.rounds)
    with ExitStack() as stack:
        many = {has_ledger: Fleet(stack, binary, has_ledger, MANY_CALLS) for has_ledger in (False, True)}
        # In turn, so that what slows the machine slows both.
        rows = {False: [], True: []}
        for count in WRITERS:
            for has_ledger in (False, True):
                rows[has_ledger].append(many[has_ledger].write_at_once(count))
                print(f"{'with' if has_ledger else 'without'} a ledger: {rows[has_ledger][-1]}", file=sys.stderr)
    without, with_ledger = ({row["writers"]: row for row in rows[has_ledger]}[40] for has_ledger in (False, True))
    budgets = [
        ("a warm grant at 10 ms a call, of that without", grants[1] / grants[0], 1 / 20),
        ("forty writers: wall, of that without", with_ledger["wall s"] / without["wall s"], 1 / 4),
        ("forty writers: calls of IAM, of those without", with_ledger["IAM calls"] / without["IAM calls"], 1 / 8),
        ("forty writers: puts", with_ledger["puts"], 6),
        ("a thousand refusals in ten environments: notices", notices, 1),
        ("start to first poll, of that without", init[1] / init[0], 1.5),
    ]
    lines = ["| | measured | budget | |", "|---|---|---|---|"]
    lines += [f"| {name} | {value:.3f} | {most:.3f} | {'kept' if value <= most else 'MISSED'} |" for name, value, most in budgets]
    lines += ["", f"A warm grant: {grants[0]:.3f} s without, {grants[1]:.3f} s with a ledger. Start to first poll: {init[0] * 1000:.1f} ms without, {init[1] * 1000:.1f} ms with one.", ""]
    lines += ["| environments | without: wall s | puts | IAM calls | all calls | grants kept | with: wall s | puts | IAM calls | all calls |", "|---|---|---|---|---|---|---|---|---|---|"]
    for one_row, other in zip(rows[False], rows[True]):
        cells = [f"{row['wall s']:.1f} | {row['puts']} | {row['IAM calls']} | {row['all calls']}" for row in (one_row, other)]
        lines.append(f"| {one_row['writers']} | {cells[0]} | {one_row['kept']} | {cells[1]} |")
    lines += ["", "| a month | USD of DynamoDB's requests |", "|---|---|"]
    for name, units in (("granted", GRANT_UNITS), ("refused and told", REFUSAL_UNITS), ("repeats", REPEAT_UNITS)):
        for count in (100, 1_000_000):
            lines.append(f"| {count:,} denials, {name} | {cost(units, count):.4f} |")
    text = "\n".join(lines) + "\n"
    (OUTPUT / "ledger.md").write_text(text)
    (OUTPUT / "ledger.json").write_text(json.dumps({"budgets": budgets, "rows": {str(key): value for key, value in rows.items()}}, indent=1) + "\n")
    plot(rows, OUTPUT / "ledger-growth.svg")
    print(text)
    sys.exit(any(value > most for _, value, most in budgets))


if __name__ == "__main__":
    main()
