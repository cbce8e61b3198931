//! What a canary makes in the account, and deletes again: a role that may do nothing, a queue, a rule and a subscription that
//! let the canary see what passes by.
//!
//! Each part is noted before it is made, by a name that finds it again, so that whatever stands when something fails is
//! deleted, also where only the answer was lost. What cannot be deleted is named, with the command that does it.

use crate::problem::Problem;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::types::{Role, Tag};
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
    description: String,
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

/// A part by what finds it again, whether or not the answer to its making came.
#[derive(Debug)]
enum Part {
    Role(String),
    Queue(String),
    Rule(String),
    Subscription { topic: String, queue: String },
}

impl Workshop {
    /// `id` tells this canary's parts from those of others.
    pub(crate) fn new(config: &SdkConfig, id: &str) -> Self {
        Self {
            iam: aws_sdk_iam::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            events: aws_sdk_eventbridge::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            description: format!("Throw-away part of `remediator canary` {id}: may be deleted"),
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
            .description(&self.description)
            .assume_role_policy_document(trust.to_string())
            .set_permissions_boundary(spec.boundary.map(str::to_owned));
        if let Some(value) = spec.tag {
            let tag = Tag::builder().key(TAG).value(value).build();
            call = call.tags(tag.map_err(Problem::new)?);
        }
        self.made.push(Part::Role(spec.name.to_owned()));
        let role = match call.send().await {
            Ok(answer) => answer.role,
            Err(error) if is(&error, "EntityAlreadyExists") => {
                // Ours after all, if an answer was lost and the SDK has asked again.
                let found =
                    self.iam.get_role().role_name(spec.name).send().await.ok().and_then(|answer| answer.role);
                found.filter(|role| self.is_ours(role))
            }
            Err(error) => return Err(Problem::of_call("iam:CreateRole", &error)),
        };
        role.map(|role| role.arn).ok_or_else(|| {
            Problem::new(format!(
                "there is a role `{}` already: if it was left behind by a canary, delete it, otherwise name another with --role",
                spec.name
            ))
        })
    }

    fn is_ours(&self, role: &Role) -> bool {
        role.description.as_deref() == Some(self.description.as_str())
    }

    /// A queue that this rule and this topic may send to.
    pub(crate) async fn queue(&mut self, name: &str, senders: [(&str, &str); 2]) -> Result<Queue, Problem> {
        self.made.push(Part::Queue(name.to_owned()));
        let made = self.sqs.create_queue().queue_name(name).send().await;
        let made = made.map_err(|error| Problem::of_call("sqs:CreateQueue", &error))?;
        let url = made.queue_url.ok_or_else(|| Problem::new("sqs:CreateQueue gave no queue"))?;
        let asked =
            self.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
        let asked = asked.send().await.map_err(|error| Problem::of_call("sqs:GetQueueAttributes", &error))?;
        let arn = asked.attributes.and_then(|mut all| all.remove(&QueueAttributeName::QueueArn));
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
        self.made.push(Part::Rule(name.to_owned()));
        let put = self
            .events
            .put_rule()
            .name(name)
            .event_pattern(pattern.to_string())
            .description(&self.description);
        put.send().await.map_err(|error| Problem::of_call("events:PutRule", &error))?;
        let target = Target::builder().id("queue").arn(&queue.arn).build().map_err(Problem::new)?;
        let put = self.events.put_targets().rule(name).targets(target).send().await;
        put.map(drop).map_err(|error| Problem::of_call("events:PutTargets", &error))
    }

    /// The notices, as a program gets them.
    pub(crate) async fn subscription(&mut self, topic: &str, queue: &Queue) -> Result<(), Problem> {
        self.made.push(Part::Subscription { topic: topic.to_owned(), queue: queue.arn.clone() });
        let call = self.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(&queue.arn);
        let call = call.attributes("RawMessageDelivery", "true");
        call.send().await.map(drop).map_err(|error| Problem::of_call("sns:Subscribe", &error))
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

    /// What is not there is no problem: perhaps it was never made.
    async fn delete(&self, part: &Part) -> Result<(), Problem> {
        match part {
            Part::Role(name) => self.delete_role(name).await,
            Part::Queue(name) => {
                let url = match self.sqs.get_queue_url().queue_name(name).send().await {
                    Ok(answer) => answer.queue_url,
                    Err(error) if is(&error, "QueueDoesNotExist") || is(&error, "NonExistentQueue") => {
                        return Ok(());
                    }
                    Err(error) => return Err(Problem::of_call("sqs:GetQueueUrl", &error)),
                };
                let deleted = self.sqs.delete_queue().set_queue_url(url).send().await;
                deleted.map(drop).map_err(|error| Problem::of_call("sqs:DeleteQueue", &error))
            }
            Part::Rule(name) => {
                match self.events.remove_targets().rule(name).ids("queue").send().await {
                    Err(error) if is(&error, "ResourceNotFoundException") => return Ok(()),
                    removed => removed.map_err(|error| Problem::of_call("events:RemoveTargets", &error))?,
                };
                let deleted = self.events.delete_rule().name(name).send().await;
                deleted.map(drop).map_err(|error| Problem::of_call("events:DeleteRule", &error))
            }
            Part::Subscription { topic, queue } => {
                let pages = self.sns.list_subscriptions_by_topic().topic_arn(topic).into_paginator().items();
                let all = pages.send().collect::<Result<Vec<_>, _>>().await;
                let all = all.map_err(|error| Problem::of_call("sns:ListSubscriptionsByTopic", &error))?;
                for subscription in all.into_iter().filter(|one| one.endpoint.as_ref() == Some(queue)) {
                    let call = self.sns.unsubscribe().set_subscription_arn(subscription.subscription_arn);
                    call.send().await.map_err(|error| Problem::of_call("sns:Unsubscribe", &error))?;
                }
                Ok(())
            }
        }
    }

    /// With its inline policies, without which a role cannot be deleted. One that somebody else has made is not touched.
    async fn delete_role(&self, name: &str) -> Result<(), Problem> {
        match self.iam.get_role().role_name(name).send().await {
            Ok(answer) if answer.role.as_ref().is_some_and(|role| self.is_ours(role)) => {}
            Err(error) if !is(&error, "NoSuchEntity") => return Err(Problem::of_call("iam:GetRole", &error)),
            Ok(_) | Err(_) => return Ok(()),
        }
        for tries in 1.. {
            let listed = self.iam.list_role_policies().role_name(name).send().await;
            let listed = listed.map_err(|error| Problem::of_call("iam:ListRolePolicies", &error))?;
            for policy in listed.policy_names {
                match self.iam.delete_role_policy().role_name(name).policy_name(&policy).send().await {
                    Err(error) if !is(&error, "NoSuchEntity") => {
                        return Err(Problem::of_call("iam:DeleteRolePolicy", &error));
                    }
                    Ok(_) | Err(_) => {}
                }
            }
            match self.iam.delete_role().role_name(name).send().await {
                Err(error) if is(&error, "DeleteConflict") && tries < DELETIONS => {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
                deleted => {
                    return deleted.map(drop).map_err(|error| Problem::of_call("iam:DeleteRole", &error));
                }
            }
        }
        Ok(())
    }
}

/// Whether an error has this code, with or without what some services put before it.
fn is<E: ProvideErrorMetadata>(error: &SdkError<E>, code: &str) -> bool {
    error.code().is_some_and(|found| found == code || found.ends_with(&format!(".{code}")))
}

/// What deletes a part by hand.
fn command(part: &Part) -> String {
    match part {
        Part::Role(name) => format!(
            "aws iam delete-role-policy --role-name {name} --policy-name LambdaInvokePermission; aws iam delete-role --role-name {name}"
        ),
        Part::Queue(name) => {
            format!(
                "aws sqs delete-queue --queue-url $(aws sqs get-queue-url --queue-name {name} --query QueueUrl --output text)"
            )
        }
        Part::Rule(name) => {
            format!(
                "aws events remove-targets --rule {name} --ids queue; aws events delete-rule --name {name}"
            )
        }
        Part::Subscription { topic, queue } => {
            format!(
                "aws sns list-subscriptions-by-topic --topic-arn {topic}, and aws sns unsubscribe for the endpoint {queue}"
            )
        }
    }
}
