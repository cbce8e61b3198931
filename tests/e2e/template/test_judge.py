"""The evaluator tells yes from no, in each thing that the role's policy makes use of. What AWS says of it:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import pytest

from support.judge import Call, judge

USER = "arn:aws:iam::281502313273:user/media/eu/remotion_user_eu"
ROLE = "arn:aws:iam::281502313273:role/render-worker"
BOUNDARY = "arn:aws:iam::281502313273:policy/ceiling"


def allow(action, resource, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource):
    return {"Effect": "Deny", "Action": action, "Resource": resource}


def on_condition(**values):
    keys = {"boundary": "iam:PermissionsBoundary", "tag": "aws:ResourceTag/team"}
    return allow("iam:*", "*", Condition={"StringEquals": {keys[name]: value for name, value in values.items()}})


VIA = {"StringLike": {"kms:ViaService": ["sns.us-east-1.*", "sqs.us-east-1.*"]}}
BEFORE = allow("iam:*", "*", Condition={"DateLessThan": {"aws:CurrentTime": "2026-12-25T00:00:00Z"}})
TABLE, KEYS = "arn:aws:dynamodb:us-east-1:281502313273:table/ledger", "dynamodb:LeadingKeys"
OWN_KEYS = {"ForAllValues:StringLike": {KEYS: "281502313273#*"}, "Null": {KEYS: "false"}}
ON_KEYS = allow("dynamodb:BatchGetItem", TABLE, Condition=OWN_KEYS)
OPEN_ON_KEYS = allow("dynamodb:BatchGetItem", TABLE, Condition={"ForAllValues:StringLike": {KEYS: "281502313273#*"}})
# (statements, action, resource, context, what is to come of it)
CASES = {
    "no statement": ([], "iam:GetUserPolicy", USER, {}, "NotApplicable"),
    "exact": ([allow("iam:GetUserPolicy", USER)], "iam:GetUserPolicy", USER, {}, "Allow"),
    "exact, in lists": ([allow(["sns:Publish", "iam:GetUserPolicy"], [ROLE, USER])], "iam:GetUserPolicy", USER, {}, "Allow"),
    "another action": ([allow("iam:GetUserPolicy", USER)], "iam:PutUserPolicy", USER, {}, "NotApplicable"),
    "an action that begins alike": ([allow("iam:GetUser", USER)], "iam:GetUserPolicy", USER, {}, "NotApplicable"),
    "another service": ([allow("iam:GetUserPolicy", USER)], "sns:GetUserPolicy", USER, {}, "NotApplicable"),
    "an action in other letters": ([allow("IAM:getuserpolicy", USER)], "iam:GetUserPolicy", USER, {}, "Allow"),
    "a wildcard for actions": ([allow("iam:Get*", USER)], "iam:GetUserPolicy", USER, {}, "Allow"),
    "a wildcard for other actions": ([allow("iam:Get*", USER)], "iam:PutUserPolicy", USER, {}, "NotApplicable"),
    "any resource": ([allow("iam:GetUserPolicy", "*")], "iam:GetUserPolicy", USER, {}, "Allow"),
    "another resource": ([allow("iam:GetUserPolicy", ROLE)], "iam:GetUserPolicy", USER, {}, "NotApplicable"),
    "a resource that begins alike": ([allow("iam:GetRolePolicy", ROLE)], "iam:GetRolePolicy", f"{ROLE}-2", {}, "NotApplicable"),
    "by a service": ([allow("kms:Decrypt", ROLE, Condition=VIA)], "kms:Decrypt", ROLE, {"kms:ViaService": "sns.us-east-1.amazonaws.com"}, "Allow"),
    "by another service": ([allow("kms:Decrypt", ROLE, Condition=VIA)], "kms:Decrypt", ROLE, {"kms:ViaService": "s3.us-east-1.amazonaws.com"}, "NotApplicable"),
    "by no service": ([allow("kms:Decrypt", ROLE, Condition=VIA)], "kms:Decrypt", ROLE, {}, "NotApplicable"),
    "a resource in other letters": ([allow("iam:GetRolePolicy", ROLE)], "iam:GetRolePolicy", ROLE.replace("render", "Render"), {}, "NotApplicable"),
    "the name without its path": ([allow("iam:GetUserPolicy", USER)], "iam:GetUserPolicy", USER.replace("media/eu/", ""), {}, "NotApplicable"),
    "a star": ([allow("iam:GetRolePolicy", ROLE.replace("worker", "*"))], "iam:GetRolePolicy", ROLE, {}, "Allow"),
    "a star that fits nothing": ([allow("iam:GetRolePolicy", ROLE.replace("worker", "*"))], "iam:GetRolePolicy", ROLE.replace("render", "rendre"), {}, "NotApplicable"),
    "a star reaches over a slash": ([allow("iam:GetUserPolicy", USER.replace("media/eu/", "m*/"))], "iam:GetUserPolicy", USER, {}, "Allow"),
    "a star in another account": ([allow("iam:GetRolePolicy", ROLE.replace("worker", "*"))], "iam:GetRolePolicy", ROLE.replace("2815", "1111"), {}, "NotApplicable"),
    "a question mark": ([allow("iam:GetRolePolicy", ROLE.replace("worker", "w?rker"))], "iam:GetRolePolicy", ROLE, {}, "Allow"),
    "a question mark is one character": ([allow("iam:GetRolePolicy", ROLE.replace("worker", "w?ker"))], "iam:GetRolePolicy", ROLE, {}, "NotApplicable"),
    "a deny after the allow": ([allow("iam:*", "*"), deny("iam:*", ROLE)], "iam:PutRolePolicy", ROLE, {}, "Deny"),
    "a deny before the allow": ([deny("iam:*", ROLE), allow("iam:*", "*")], "iam:PutRolePolicy", ROLE, {}, "Deny"),
    "a deny of something else": ([allow("iam:*", "*"), deny("iam:*", ROLE)], "iam:PutUserPolicy", USER, {}, "Allow"),
    "a condition that holds": ([on_condition(boundary=BOUNDARY)], "iam:PutUserPolicy", USER, {"iam:PermissionsBoundary": BOUNDARY}, "Allow"),
    "a key in other letters": ([on_condition(boundary=BOUNDARY)], "iam:PutUserPolicy", USER, {"IAM:permissionsboundary": BOUNDARY}, "Allow"),
    "a condition on another value": ([on_condition(boundary=BOUNDARY)], "iam:PutUserPolicy", USER, {"iam:PermissionsBoundary": f"{BOUNDARY}2"}, "NotApplicable"),
    "a condition on a key that is missing": ([on_condition(boundary=BOUNDARY)], "iam:PutUserPolicy", USER, {}, "NotApplicable"),
    "a star is no wildcard in StringEquals": ([on_condition(tag="*")], "iam:PutUserPolicy", USER, {"aws:ResourceTag/team": "video"}, "NotApplicable"),
    "one of several values": ([on_condition(tag=["audio", "video"])], "iam:PutUserPolicy", USER, {"aws:ResourceTag/team": "video"}, "Allow"),
    "one of two keys": ([on_condition(boundary=BOUNDARY, tag="video")], "iam:PutUserPolicy", USER, {"aws:ResourceTag/team": "video"}, "NotApplicable"),
    "both of two keys": ([on_condition(boundary=BOUNDARY, tag="video")], "iam:PutUserPolicy", USER, {"aws:ResourceTag/team": "video", "iam:PermissionsBoundary": BOUNDARY}, "Allow"),
    "before a time": ([BEFORE], "iam:PutUserPolicy", USER, {"aws:CurrentTime": "2026-12-24T23:59:59Z"}, "Allow"),
    "at that time": ([BEFORE], "iam:PutUserPolicy", USER, {"aws:CurrentTime": "2026-12-25T00:00:00Z"}, "NotApplicable"),
    "after that time": ([BEFORE], "iam:PutUserPolicy", USER, {"aws:CurrentTime": "2027-01-01T00:00:00Z"}, "NotApplicable"),
    "at no time": ([BEFORE], "iam:PutUserPolicy", USER, {}, "NotApplicable"),
    "all keys": ([ON_KEYS], "dynamodb:BatchGetItem", TABLE, {KEYS: ["281502313273#user/a", "281502313273#role/b"]}, "Allow"),
    "one key of two": ([ON_KEYS], "dynamodb:BatchGetItem", TABLE, {KEYS: ["281502313273#user/a", "111122223333#role/b"]}, "NotApplicable"),
    "a key that only contains the account": ([ON_KEYS], "dynamodb:BatchGetItem", TABLE, {KEYS: ["x281502313273#user/a"]}, "NotApplicable"),
    "no keys at all": ([ON_KEYS], "dynamodb:BatchGetItem", TABLE, {}, "NotApplicable"),
    "no keys at all, and none asked for": ([OPEN_ON_KEYS], "dynamodb:BatchGetItem", TABLE, {}, "Allow"),
    "no condition in one of two statements": ([on_condition(tag="video"), allow("iam:*", USER)], "iam:PutUserPolicy", USER, {}, "Allow"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_case_with_a_known_answer(case):
    statements, action, resource, context, expected = CASES[case]
    policies = [{"Version": "2012-10-17", "Statement": statements}] if statements else []
    assert judge(policies, [Call(action, resource, context)]) == [expected]
