//! What a canary makes in the account, and deletes again: a role that may do nothing, a queue, a rule and a subscription that
//! let the canary see what passes by.
//!
//! Each part is noted before the next one is made, so that whatever stands when something fails is deleted. What cannot be
//! deleted is named, with the command that does it.

use crate::problem::Problem;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_iam::types::Tag;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

/// The tag by which the template's `RequiredTagValue` knows principals.
const TAG: &str = "lambda-invoke-remediator";
/// While the function still watches its grant, the role's policy may come back once.
const DELETIONS: u32 = 5;

/// The clients that make and delete.
#[derive(Debug)]
pub(crate) struct Workshop {
    iam: aws_sdk_iam::Client,
    sqs: aws_sdk_sqs::Client,
    events: aws_sdk_eventbridge::Client,
    sns: aws_sdk_sns::Client,
    made: Vec<Part>,
}

/// The role to be made.
#[derive(Debug)]
pub(crate) struct RoleSpec<'a> {
    pub(crate) name: &'a str,
    /// Who may act as it: the canary's own caller.
    pub(crate) trusted: &'a str,
    pub(crate) boundary: Option<&'a str>,
    pub(crate) tag: Option<&'a str>,
}

/// A queue: where it is, and its name among ARNs.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) url: String,
    pub(crate) arn: String,
}

#[derive(Debug)]
enum Part {
    Role(String),
    Queue(String),
    Rule(String),
    Subscription(String),
}

impl Workshop {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self {
            iam: aws_sdk_iam::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            events: aws_sdk_eventbridge::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            made: Vec::new(),
        }
    }

    /// A role without any permission. One of that name that is there already is not touched.
    pub(crate) async fn role(&mut self, spec: &RoleSpec<'_>) -> Result<String, Problem> {
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": spec.trusted}}],
        });
        let mut call = self
            .iam
            .create_role()
            .role_name(spec.name)
            .description("Throw-away role of `remediator canary`: may be deleted")
            .assume_role_policy_document(trust.to_string())
            .set_permissions_boundary(spec.boundary.map(str::to_owned));
        if let Some(value) = spec.tag {
            let tag = Tag::builder().key(TAG).value(value).build();
            call = call.tags(tag.map_err(Problem::new)?);
        }
        let role = match call.send().await {
            Ok(answer) => answer.role,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_entity_already_exists_exception()) =>
            {
                return Err(Problem::new(format!(
                    "there is a role `{}` already: if it was left behind by a canary, delete it, otherwise name another with --role",
                    spec.name
                )));
            }
            Err(error) => return Err(Problem::of_call("iam:CreateRole", &error)),
        };
        self.made.push(Part::Role(spec.name.to_owned()));
        role.map(|role| role.arn).ok_or_else(|| Problem::new("iam:CreateRole gave no role"))
    }

    /// A queue that this rule and this topic may send to.
    pub(crate) async fn queue(&mut self, name: &str, senders: [(&str, &str); 2]) -> Result<Queue, Problem> {
        let made = self.sqs.create_queue().queue_name(name).send().await;
        let made = made.map_err(|error| Problem::of_call("sqs:CreateQueue", &error))?;
        let url = made.queue_url.ok_or_else(|| Problem::new("sqs:CreateQueue gave no queue"))?;
        self.made.push(Part::Queue(url.clone()));
        let asked = self
            .sqs
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await;
        let attributes =
            asked.map_err(|error| Problem::of_call("sqs:GetQueueAttributes", &error))?.attributes;
        let arn = attributes.and_then(|mut all| all.remove(&QueueAttributeName::QueueArn));
        let arn = arn.ok_or_else(|| Problem::new("sqs:GetQueueAttributes gave no ARN"))?;
        let statements: Vec<_> = senders
            .iter()
            .map(|(service, source)| {
                json!({
                    "Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage", "Resource": arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": source}},
                })
            })
            .collect();
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let set = self.sqs.set_queue_attributes().queue_url(&url);
        let set =
            set.set_attributes(Some(HashMap::from([(QueueAttributeName::Policy, policy)]))).send().await;
        set.map_err(|error| Problem::of_call("sqs:SetQueueAttributes", &error))?;
        Ok(Queue { url, arn })
    }

    /// A rule that hands on whatever CloudTrail records of the session, denied or not.
    pub(crate) async fn rule(&mut self, name: &str, session_arn: &str, queue: &Queue) -> Result<(), Problem> {
        let pattern = json!({
            "detail-type": ["AWS API Call via CloudTrail"],
            "source": ["aws.lambda"],
            "detail": {"userIdentity": {"arn": [session_arn]}},
        });
        let put = self.events.put_rule().name(name).event_pattern(pattern.to_string());
        let put = put.description("Throw-away rule of `remediator canary`: may be deleted").send().await;
        put.map_err(|error| Problem::of_call("events:PutRule", &error))?;
        self.made.push(Part::Rule(name.to_owned()));
        let target = Target::builder().id("queue").arn(&queue.arn).build().map_err(Problem::new)?;
        let put = self.events.put_targets().rule(name).targets(target).send().await;
        put.map(drop).map_err(|error| Problem::of_call("events:PutTargets", &error))
    }

    /// The notices, as a program gets them.
    pub(crate) async fn subscription(&mut self, topic: &str, queue: &Queue) -> Result<(), Problem> {
        let call = self.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(&queue.arn);
        let call = call.attributes("RawMessageDelivery", "true").return_subscription_arn(true);
        let made = call.send().await.map_err(|error| Problem::of_call("sns:Subscribe", &error))?;
        self.made.extend(made.subscription_arn.map(Part::Subscription));
        Ok(())
    }

    /// Deletes all that was made, the last part first. Gives a line for what is left, with the command for it.
    pub(crate) async fn clean_up(&mut self) -> Vec<String> {
        let mut left = Vec::new();
        while let Some(part) = self.made.pop() {
            if let Err(problem) = self.delete(&part).await {
                left.push(format!("{} ({problem})", command(&part)));
            }
        }
        left
    }

    async fn delete(&self, part: &Part) -> Result<(), Problem> {
        match part {
            Part::Role(name) => self.delete_role(name).await,
            Part::Queue(url) => {
                let deleted = self.sqs.delete_queue().queue_url(url).send().await;
                deleted.map(drop).map_err(|error| Problem::of_call("sqs:DeleteQueue", &error))
            }
            Part::Rule(name) => {
                let removed = self.events.remove_targets().rule(name).ids("queue").send().await;
                removed.map_err(|error| Problem::of_call("events:RemoveTargets", &error))?;
                let deleted = self.events.delete_rule().name(name).send().await;
                deleted.map(drop).map_err(|error| Problem::of_call("events:DeleteRule", &error))
            }
            Part::Subscription(arn) => {
                let deleted = self.sns.unsubscribe().subscription_arn(arn).send().await;
                deleted.map(drop).map_err(|error| Problem::of_call("sns:Unsubscribe", &error))
            }
        }
    }

    /// With its inline policies, without which a role cannot be deleted.
    async fn delete_role(&self, name: &str) -> Result<(), Problem> {
        for tries in 1.. {
            let listed = self.iam.list_role_policies().role_name(name).send().await;
            let listed = listed.map_err(|error| Problem::of_call("iam:ListRolePolicies", &error))?;
            for policy in listed.policy_names {
                let deleted = self.iam.delete_role_policy().role_name(name).policy_name(&policy).send().await;
                match deleted {
                    Err(error)
                        if !error
                            .as_service_error()
                            .is_some_and(|error| error.is_no_such_entity_exception()) =>
                    {
                        return Err(Problem::of_call("iam:DeleteRolePolicy", &error));
                    }
                    Ok(_) | Err(_) => {}
                }
            }
            match self.iam.delete_role().role_name(name).send().await {
                Err(error) if tries < DELETIONS => {
                    let conflicts =
                        error.as_service_error().is_some_and(|error| error.is_delete_conflict_exception());
                    if !conflicts {
                        return Err(Problem::of_call("iam:DeleteRole", &error));
                    }
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
                Err(error) => return Err(Problem::of_call("iam:DeleteRole", &error)),
                Ok(_) => break,
            }
        }
        Ok(())
    }
}

/// What deletes a part by hand.
fn command(part: &Part) -> String {
    match part {
        Part::Role(name) => format!(
            "aws iam delete-role-policy --role-name {name} --policy-name LambdaInvokePermission; aws iam delete-role --role-name {name}"
        ),
        Part::Queue(url) => format!("aws sqs delete-queue --queue-url {url}"),
        Part::Rule(name) => {
            format!(
                "aws events remove-targets --rule {name} --ids queue; aws events delete-rule --name {name}"
            )
        }
        Part::Subscription(arn) => format!("aws sns unsubscribe --subscription-arn {arn}"),
    }
}
