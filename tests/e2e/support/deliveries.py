"""An event as Lambda delivers it: again after an error reply, to a new process where the one before has ended."""

from contextlib import ExitStack

from local import runtime_api
from support.binaries import BINARY

DELIVERIES = 3


class Environment:
    """An execution environment with these variables, which is replaced when its process ends."""

    def __init__(self, variables):
        self.variables, self.stack, self.function, self.logs = variables, ExitStack(), None, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def invoke(self, event, timeout):
        if self.function is None:
            self.function = self.stack.enter_context(runtime_api.function(BINARY, self.variables))
        try:
            reply = self.function.invoke(event, timeout=timeout)
            has_ended = self.function.init_error is not None
        except runtime_api.ProcessEnded:
            reply, has_ended = None, True
        if has_ended:
            self.logs.append(self.function.output())
            self.function = None
        return reply

    def output(self):
        return "\n".join([*self.logs, *([self.function.output()] if self.function else [])])


def deliver(environment, event, timeout=25.0, on_delivery=lambda number: None):
    """Delivers an event until a reply is no error, and returns the replies; `None` is one of a process that ended without any."""
    replies = []
    for number in range(DELIVERIES):
        on_delivery(number)
        replies.append(environment.invoke(event, timeout))
        if replies[-1] is not None and not replies[-1].is_error:
            break
    return replies


def shown(replies):
    """What the replies say, in a few words."""
    return " ".join(_shown(reply) for reply in replies)


def _shown(reply):
    if reply is None:
        return "ended"
    return reply.body["errorType"] if reply.is_error else reply.body["reason"] or reply.body["outcome"]
