"""template.yaml as data, and as CloudFormation would hand it on: with values in the place of its functions."""

import json
import re

import boto3
import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from local.aws import ACCOUNT, REGION, ROOT

PSEUDO_PARAMETERS = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
# Ref AWS::NoValue takes away the key, or the item, that it is the value of.
NO_VALUE = object()


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags."""


def _tag(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt":
        return {"Fn::GetAtt": value.split(".") if isinstance(value, str) else value}
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)


def load():
    return yaml.load((ROOT / "template.yaml").read_text(), _Loader)


def translate(template, parameters=None):
    """The template after the SAM translator: plain CloudFormation. The translator itself puts some parameters' values in."""
    source = json.loads(json.dumps(template))
    source["Resources"]["Function"]["Properties"]["CodeUri"] = "s3://bucket/key"
    session = boto3.Session(region_name=REGION)
    return Translator({}, Parser(), boto_session=session).translate(source, {**defaults(template), **(parameters or {})})


def defaults(template):
    return {name: spec.get("Default", "") for name, spec in template["Parameters"].items()}


class Stack:
    """A template with concrete values."""

    def __init__(self, template, parameters, resources=None):
        """`resources` holds what Ref gives by a resource's name, and GetAtt by Name.Attribute."""
        self.conditions = template["Conditions"]
        self.values = {**PSEUDO_PARAMETERS, "AWS::NoValue": NO_VALUE, **defaults(template), **parameters}
        self.values.update(resources or {})

    def resolve(self, value):
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return self._call(name, argument)
        found = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in found.items() if item is not NO_VALUE}

    def creates(self, item):
        """Whether a resource or an output is there at all."""
        return "Condition" not in item or self.holds(item["Condition"])

    def holds(self, condition):
        return self.resolve(self.conditions[condition])

    def _call(self, name, argument):
        match name:
            case "Ref":
                return self.values[argument]
            case "Condition" if isinstance(argument, str):
                return self.holds(argument)
            case "Fn::GetAtt":
                return self.values[".".join(argument)]
            case "Fn::If":
                condition, yes, no = argument
                return self.resolve(yes if self.holds(condition) else no)
            case "Fn::Sub":
                text, extra = (argument, {}) if isinstance(argument, str) else argument
                extra = self.resolve(extra)
                value = lambda name: extra[name] if name in extra else self.values[name]  # noqa: E731
                return re.sub(r"\$\{([^}]+)\}", lambda match: value(match[1]), text)
            case "Fn::Split":
                separator, text = argument
                return self.resolve(text).split(separator)
            case "Fn::Select":
                index, items = argument
                return self.resolve(items)[index]
            case "Fn::Join":
                separator, items = argument
                return separator.join(self.resolve(items))
            case "Fn::Equals":
                # Parameters are text, whatever their type.
                left, right = (str(item) for item in self.resolve(argument))
                return left == right
            case "Fn::Not":
                return not self.resolve(argument)[0]
            case "Fn::Or":
                return any(self.resolve(argument))
        raise ValueError(f"{name} of {argument}: nobody has needed it so far")
