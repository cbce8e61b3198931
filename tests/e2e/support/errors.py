"""Errors as the services of AWS answer them, for the proxy to give."""

from local.proxy import Answer


def error(status, code):
    text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>"
    return Answer(status, text.encode())
