"""The template's stack, made in the account on the loopback.

moto's CloudFormation implements a part of the types only. The others it leaves out without an error; they are created
here by the calls that CloudFormation would make, with the properties that it would resolve, so that moto's services
judge them.
Nothing of it is run: the function's code is an empty archive.
"""

import io
import json
import zipfile

from moto.cloudformation.parsing import get_model_map

from local.aws import ACCOUNT, REGION
from support.cloudformation import Stack, translate

# Properties that moto's CloudFormation leaves out of a table, and the calls that set them.
OF_A_TABLE = {"TimeToLiveSpecification": "update_time_to_live", "PointInTimeRecoverySpecification": "update_continuous_backups"}
# Types that moto's CloudFormation leaves out, and how they are created here.
BY_CALL = {
    "AWS::CloudTrail::Trail": "trail",
    "AWS::CloudWatch::Alarm": "alarm",
    "AWS::IAM::RolePolicy": "role_policy",
    "AWS::Lambda::EventInvokeConfig": "event_invoke_config",
    "AWS::Logs::MetricFilter": "metric_filter",
    "AWS::Logs::SubscriptionFilter": "subscription_filter",
    "AWS::S3::BucketPolicy": "bucket_policy",
    "AWS::SNS::Subscription": "subscription",
    "AWS::SQS::QueuePolicy": "queue_policy",
}


def lower(value):
    """Property names as the APIs of Logs spell them."""
    if isinstance(value, list):
        return [lower(item) for item in value]
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: lower(item) for key, item in value.items()}
    return value


class Created:
    """A stack in an account of its own."""

    def __init__(self, account, template, name, parameters):
        self.account, self.name = account, name
        self.template = translate(template, parameters)
        self.cloudformation, self.cloudwatch, self.logs, self.cloudtrail, self.function, self.s3 = (
            account.client(service) for service in ("cloudformation", "cloudwatch", "logs", "cloudtrail", "lambda", "s3")
        )
        self.left_out = {key for key, item in self.template["Resources"].items() if item["Type"] not in get_model_map()}
        self.outputs = self.create(parameters)
        self.stack = self.with_names(parameters)
        for key, item in self.template["Resources"].items():
            if key in self.left_out and self.stack.creates(item):
                properties = self.stack.resolve(item["Properties"])
                getattr(self, BY_CALL[item["Type"]])(f"{name}-{key}", properties)
        if self.stack.creates(self.template["Resources"]["LedgerTable"]):
            self.finish_the_table(self.outputs["LedgerTableArn"].split("/")[1])

    def create(self, parameters):
        self.s3.create_bucket(Bucket="bucket")
        archive = io.BytesIO()
        zipfile.ZipFile(archive, "w").close()
        self.s3.put_object(Bucket="bucket", Key="key", Body=archive.getvalue())
        self.cloudformation.create_stack(
            StackName=self.name,
            TemplateBody=json.dumps(self.without_references(self.template)),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        [stack] = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def finish_the_table(self, name):
        dynamodb = self.account.client("dynamodb")
        properties = self.stack.resolve(self.template["Resources"]["LedgerTable"]["Properties"])
        for key, call in OF_A_TABLE.items():
            getattr(dynamodb, call)(TableName=name, **{key: properties[key]})

    def without_references(self, value):
        """moto knows no attribute of what it left out; the ARNs of alarms and trail follow from their names."""
        if isinstance(value, list):
            return [self.without_references(item) for item in value]
        if isinstance(value, dict):
            match value.get("Fn::GetAtt"):
                case [key, "Arn"] if key in self.left_out:
                    return self.arn_of(key)
            return {key: self.without_references(item) for key, item in value.items()}
        if isinstance(value, str):
            for key in self.left_out:
                value = value.replace(f"${{{key}.Arn}}", self.arn_of(key))
        return value

    def arn_of(self, key):
        if self.template["Resources"][key]["Type"] == "AWS::CloudTrail::Trail":
            return f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{self.name}-trail"
        return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{self.name}-{key}"

    def with_names(self, parameters):
        """The template with what Ref and GetAtt give in this account."""
        queues = {key: self.outputs[f"{key}Url"] for key in ("FailedInvocations", "UndeliveredEvents")}
        names = {key: url.split("/")[-1] for key, url in queues.items()}
        rule = self.outputs["RuleName"]
        reports = self.outputs.get("ReportRuleName")
        ledger = self.outputs.get("LedgerTableArn")
        buckets = [item["Name"] for item in self.s3.list_buckets()["Buckets"] if item["Name"].startswith(f"{self.name}-")]
        resources = {
            **queues,
            **{f"{key}.QueueName": name for key, name in names.items()},
            **{f"{key}.Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}" for key, name in names.items()},
            "Function": self.outputs["FunctionName"],
            "Function.Arn": self.outputs["FunctionArn"],
            "FunctionDeniedInvoke": rule,
            "FunctionDeniedInvoke.Arn": self.account.events.describe_rule(Name=rule)["Arn"],
            "LogGroup": self.outputs["LogGroupName"],
            "LogGroup.Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{self.outputs['LogGroupName']}:*",
            "Role": self.outputs["RoleArn"].split("/")[-1],
            "Role.Arn": self.outputs["RoleArn"],
            "Topic": self.outputs["TopicArn"],
            **({"ReportRule": reports, "ReportRule.Arn": self.account.events.describe_rule(Name=reports)["Arn"]} if reports else {}),
            **({"LedgerTable.Arn": ledger} if ledger else {}),
            **{"TrailBucket": bucket for bucket in buckets},
            **{"TrailBucket.Arn": f"arn:aws:s3:::{bucket}" for bucket in buckets},
        }
        listed = {**parameters, "PrincipalArns": parameters["PrincipalArns"].split(",")}
        return Stack(self.template, listed, {**resources, "AWS::StackName": self.name})

    def alarm(self, name, properties):
        self.cloudwatch.put_metric_alarm(AlarmName=name, **properties)

    def metric_filter(self, name, properties):
        [made] = properties["MetricTransformations"]
        dimensions = {item["Key"]: item["Value"] for item in made.pop("Dimensions", [])}
        transformation = {**lower(made), **({"dimensions": dimensions} if dimensions else {})}
        group, pattern = properties["LogGroupName"], properties["FilterPattern"]
        self.logs.put_metric_filter(
            logGroupName=group, filterName=name, filterPattern=pattern, metricTransformations=[transformation]
        )

    def subscription_filter(self, name, properties):
        # The application's own, which is there before the stack is.
        self.logs.create_log_group(logGroupName=properties["LogGroupName"])
        self.logs.put_subscription_filter(filterName=name, **lower(properties))

    def trail(self, _, properties):
        name = properties.pop("TrailName")
        selectors, is_logging = properties.pop("AdvancedEventSelectors"), properties.pop("IsLogging")
        key = {"KmsKeyId": properties.pop("KMSKeyId")} if "KMSKeyId" in properties else {}
        self.cloudtrail.create_trail(Name=name, **properties, **key)
        self.cloudtrail.put_event_selectors(TrailName=name, AdvancedEventSelectors=selectors)
        if is_logging:
            self.cloudtrail.start_logging(Name=name)

    def role_policy(self, _, properties):
        document = json.dumps(properties.pop("PolicyDocument"))
        self.account.iam.put_role_policy(**properties, PolicyDocument=document)

    def event_invoke_config(self, _, properties):
        self.function.put_function_event_invoke_config(**properties)

    def bucket_policy(self, _, properties):
        self.s3.put_bucket_policy(Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"]))

    def subscription(self, _, properties):
        self.account.sns.subscribe(**properties)

    def queue_policy(self, _, properties):
        for url in properties["Queues"]:
            policy = json.dumps(properties["PolicyDocument"])
            self.account.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    def queue(self, key):
        url = self.outputs[f"{key}Url"]
        return self.account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    def topic(self):
        return self.account.sns.get_topic_attributes(TopicArn=self.outputs["TopicArn"])["Attributes"]

    def alarms(self):
        return self.cloudwatch.describe_alarms(AlarmNamePrefix=f"{self.name}-")["MetricAlarms"]

    def log_group(self):
        [group] = self.logs.describe_log_groups(logGroupNamePrefix=self.outputs["LogGroupName"])["logGroups"]
        return group
