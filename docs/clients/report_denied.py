"""Reports a denied Lambda invoke to lambda-invoke-remediator."""

import json
import logging
from contextlib import contextmanager

import boto3
from botocore.config import Config

# The stack's ReportSource.
SOURCE = "com.example.clips"
DENIED = "is not authorized to perform: lambda:InvokeFunction"

# The denied call waits for the report, so give up soon.
events = boto3.client("events", config=Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 2}))


@contextmanager
def reported():
    """Reports an error if it is a denied invoke, and passes every error on."""
    try:
        yield
    except Exception as error:
        if DENIED in str(error):
            report(str(error))
        raise


def report(message):
    try:
        entry = {"Source": SOURCE, "DetailType": "Lambda Invoke Denied", "Detail": json.dumps({"errorMessage": message})}
        answer = events.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise RuntimeError(answer["Entries"][0].get("ErrorMessage"))
    except Exception as error:
        # A failed report must not hide the denial.
        logging.getLogger(__name__).warning("a denied invoke could not be reported: %s", error)
