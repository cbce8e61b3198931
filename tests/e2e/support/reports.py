"""What the stack's rule for reports takes."""

from support.cloudformation import Stack

SOURCE = "com.example.clips"


def report_pattern(template, **pseudo):
    """The pattern of the reports' rule, in a stack whose ReportSource is this."""
    stack = Stack(template, {"ReportSource": SOURCE}, pseudo)
    return stack.resolve(template["Resources"]["ReportRule"]["Properties"]["EventPattern"])
