"""CloudWatch's filters, as far as template.yaml and docs/reporting.md use them: of a metric, equality and presence of a line's own
fields, all of them; of a subscription, one phrase, or any of several.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

import json
import re

CONDITION = r'\(\$\.(\w+) = ("[^"]*"|\*)\)'


def conditions(pattern):
    """Field and value of each condition, the value None for any; a pattern of another kind is an error."""
    if not re.fullmatch(rf"\{{ {CONDITION}(?: && {CONDITION})* \}}", pattern):
        raise ValueError(f"{pattern}: nobody has needed such a pattern so far")
    return [(field, None if value == "*" else value.strip('"')) for field, value in re.findall(CONDITION, pattern)]


def matches(pattern, line):
    """Whether the pattern takes a line, which may be anything."""
    if phrase := re.fullmatch(r'"([^"\\]+)"', pattern):
        return phrase[1] in line
    if re.fullmatch(r'\?"[^"\\]+"(?: \?"[^"\\]+")+', pattern):
        return any(term in line for term in re.findall(r'\?"([^"\\]+)"', pattern))
    try:
        fields = json.loads(line)
    except ValueError:
        return False
    if not isinstance(fields, dict):
        return False
    return all(field in fields and value in (None, fields[field]) for field, value in conditions(pattern))


def metrics(properties, log):
    """What a filter (its properties in the template, resolved) makes of a log: (namespace, name, dimensions, value) for each
    line that it takes."""
    [made] = properties["MetricTransformations"]
    # CloudWatch's own conditions for a dimension: no default value, and a value in the line.
    keys = {item["Key"]: item["Value"].removeprefix("$.") for item in made.get("Dimensions", [])}
    assert not (keys and "DefaultValue" in made) and len(keys) <= 3
    named = {field for field, _ in conditions(properties["FilterPattern"])}
    found = []
    for line in log.splitlines():
        if not matches(properties["FilterPattern"], line):
            continue
        fields = json.loads(line)
        dimensions = {key: fields[field] for key, field in keys.items()}
        assert named >= set(keys.values())
        value = made["MetricValue"]
        if value.startswith("$."):
            assert value.removeprefix("$.") in named
            value = fields[value.removeprefix("$.")]
        found.append((made["MetricNamespace"], made["MetricName"], dimensions, float(value)))
    return found
