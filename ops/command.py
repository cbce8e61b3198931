"""Runs a command for an operator: a failure is one sentence, never a traceback."""

import os
import sys

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

CREDENTIALS = "log in first (`aws sso login`, or `.venv/bin/aws configure`), or name a profile with AWS_PROFILE=..."
REGION = "name the region with REGION=..., or set it with `.venv/bin/aws configure`"
NO_LOGIN = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, SSOError, TokenRetrievalError)
BAD_LOGIN = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "RequestExpired",
}


class Failure(Exception):
    """A failure, in one sentence: what is wrong, and what to do."""


def explain(error):
    """Returns the sentence for an error of boto3."""
    match error:
        case ProfileNotFound():
            return f"{error}; AWS_PROFILE=... must name a profile of the AWS CLI"
        case NoRegionError():
            return f"the region is not known: {REGION}"
        case ClientError():
            code, message = error.response["Error"].get("Code"), error.response["Error"].get("Message")
            if code in BAD_LOGIN:
                return f"AWS does not accept these credentials ({code}): {CREDENTIALS}"
            return f"AWS refused {error.operation_name}: {message} ({code})"
        case _ if isinstance(error, NO_LOGIN):
            return f"no AWS credentials: {CREDENTIALS}"
        case ConnectionError() | HTTPClientError():
            return f"AWS cannot be reached: {error}"
    return f"the call failed: {error}"


def run(main):
    """Runs `main`, which returns the exit status, and ends the process."""
    try:
        status = main()
        sys.stdout.flush()
    except Failure as error:
        sys.exit(str(error))
    except (BotoCoreError, ClientError) as error:
        sys.exit(explain(error))
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except BrokenPipeError:
        # The reader of the pipe, such as `head`, wants no more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)
