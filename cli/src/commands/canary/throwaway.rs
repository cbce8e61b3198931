//! The resources that a canary makes and deletes again: a role without permissions, a queue, a rule and a subscription.
//!
//! Each is noted before it is made, by a name that finds it again. So it is deleted also where making it failed, or only the
//! answer was lost. For a resource that cannot be deleted the operator gets the command that deletes it.

use crate::problem::Problem;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::types::{Role, Tag};
use aws_sdk_sqs::types::QueueAttributeName;
use remediator_core::arn::principal::Principal;
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

/// The key of the tag whose value is the template's `RequiredTagValue`.
const TAG_KEY: &str = "lambda-invoke-remediator";
/// How often to try to delete the role: a function that still watches its grant may write the role's policy once more.
const MAX_DELETIONS: u32 = 5;
/// The id of the rule's target.
const TARGET: &str = "queue";

/// The canary's resources, and the clients that make and delete them.
#[derive(Debug)]
pub(super) struct Throwaway {
    iam: aws_sdk_iam::Client,
    sqs: aws_sdk_sqs::Client,
    events: aws_sdk_eventbridge::Client,
    sns: aws_sdk_sns::Client,
    description: String,
    /// In the order in which they were made.
    made: Vec<Resource>,
}

/// The role to make.
#[derive(Debug)]
pub(super) struct RoleSpec<'a> {
    pub(super) name: &'a str,
    /// The ARN of the only principal that may assume the role: the operator.
    pub(super) trusted: &'a str,
    /// The ARN of its permissions boundary.
    pub(super) boundary: Option<&'a str>,
    /// The value of its tag.
    pub(super) tag: Option<&'a str>,
}

/// The canary's queue.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) url: String,
    pub(super) arn: String,
}

/// A resource, by what finds it again whether or not AWS's answer came.
#[derive(Debug)]
enum Resource {
    Role(String),
    Queue(String),
    Rule(String),
    Subscription { topic: String, queue: String },
}

impl Throwaway {
    /// Begins with no resources. `id` distinguishes this canary's resources from those of others.
    pub(super) fn new(config: &SdkConfig, id: &str) -> Self {
        Self {
            iam: aws_sdk_iam::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            events: aws_sdk_eventbridge::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            description: format!("Throw-away resource of `remediator canary` {id}: may be deleted"),
            made: Vec::new(),
        }
    }

    /// Makes a role without permissions, and leaves an existing role of that name alone. Calls `iam:CreateRole`.
    pub(super) async fn make_role(&mut self, spec: &RoleSpec<'_>) -> Result<Principal, Problem> {
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
            let tag = Tag::builder().key(TAG_KEY).value(value).build();
            call = call.tags(tag.map_err(Problem::new)?);
        }
        self.made.push(Resource::Role(spec.name.to_owned()));
        let role = match call.send().await {
            Ok(answer) => answer.role,
            Err(error) if is(&error, "EntityAlreadyExists") => {
                // It is this canary's own if an answer was lost and the SDK has called again.
                let existing =
                    self.iam.get_role().role_name(spec.name).send().await.ok().and_then(|answer| answer.role);
                existing.filter(|role| self.is_ours(role))
            }
            Err(error) => return Err(Problem::of_call("iam:CreateRole", &error)),
        };
        let arn = role.map(|role| role.arn).ok_or_else(|| {
            Problem::new(format!(
                "there is a role `{}` already: delete it if another canary left it behind, or name another role with --role",
                spec.name
            ))
        })?;
        Principal::parse(&arn).ok_or_else(|| {
            Problem::new(format!("iam:CreateRole returned `{arn}`, which is not the ARN of a role"))
        })
    }

    /// Whether this canary made the role.
    fn is_ours(&self, role: &Role) -> bool {
        role.description.as_deref() == Some(self.description.as_str())
    }

    /// Makes a queue. `senders` are the services that may send to it, each with the ARN that it sends for. Calls
    /// `sqs:CreateQueue`, `sqs:GetQueueAttributes` and `sqs:SetQueueAttributes`.
    pub(super) async fn make_queue(
        &mut self,
        name: &str,
        senders: [(&str, &str); 2],
    ) -> Result<Queue, Problem> {
        self.made.push(Resource::Queue(name.to_owned()));
        let made = self.sqs.create_queue().queue_name(name).send().await;
        let made = made.map_err(|error| Problem::of_call("sqs:CreateQueue", &error))?;
        let url = made.queue_url.ok_or_else(|| Problem::new("sqs:CreateQueue returned no queue"))?;
        let asked =
            self.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
        let asked = asked.send().await.map_err(|error| Problem::of_call("sqs:GetQueueAttributes", &error))?;
        let arn = asked.attributes.and_then(|mut all| all.remove(&QueueAttributeName::QueueArn));
        let arn = arn.ok_or_else(|| Problem::new("sqs:GetQueueAttributes returned no ARN"))?;
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

    /// Makes a rule that sends to the queue what CloudTrail records of the session, denied or not. Calls `events:PutRule` and
    /// `events:PutTargets`.
    pub(super) async fn make_rule(
        &mut self,
        name: &str,
        session_arn: &str,
        queue: &Queue,
    ) -> Result<(), Problem> {
        let pattern = json!({
            "detail-type": ["AWS API Call via CloudTrail"],
            "source": ["aws.lambda"],
            "detail": {"userIdentity": {"arn": [session_arn]}},
        });
        self.made.push(Resource::Rule(name.to_owned()));
        let put = self
            .events
            .put_rule()
            .name(name)
            .event_pattern(pattern.to_string())
            .description(&self.description);
        put.send().await.map_err(|error| Problem::of_call("events:PutRule", &error))?;
        let target = Target::builder().id(TARGET).arn(&queue.arn).build().map_err(Problem::new)?;
        let put = self.events.put_targets().rule(name).targets(target).send().await;
        put.map(drop).map_err(|error| Problem::of_call("events:PutTargets", &error))
    }

    /// Subscribes the queue to the topic, for the machine-readable notices. Calls `sns:Subscribe`.
    pub(super) async fn make_subscription(&mut self, topic: &str, queue: &Queue) -> Result<(), Problem> {
        self.made.push(Resource::Subscription { topic: topic.to_owned(), queue: queue.arn.clone() });
        let call = self.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(&queue.arn);
        let call = call.attributes("RawMessageDelivery", "true");
        call.send().await.map(drop).map_err(|error| Problem::of_call("sns:Subscribe", &error))
    }

    /// Deletes all resources, the last one first. Returns, for each that is left, the command that deletes it, and the problem.
    pub(super) async fn delete_all(&mut self) -> Vec<String> {
        let mut left_behind = Vec::new();
        while let Some(resource) = self.made.pop() {
            if let Err(problem) = self.delete(&resource).await {
                left_behind.push(format!("{} ({problem})", deletion_command(&resource)));
            }
        }
        left_behind
    }

    /// Deletes a resource. One that does not exist is no problem: perhaps it was never made.
    async fn delete(&self, resource: &Resource) -> Result<(), Problem> {
        match resource {
            Resource::Role(name) => self.delete_role(name).await,
            Resource::Queue(name) => {
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
            Resource::Rule(name) => {
                match self.events.remove_targets().rule(name).ids(TARGET).send().await {
                    Err(error) if is(&error, "ResourceNotFoundException") => return Ok(()),
                    removed => removed.map_err(|error| Problem::of_call("events:RemoveTargets", &error))?,
                };
                let deleted = self.events.delete_rule().name(name).send().await;
                deleted.map(drop).map_err(|error| Problem::of_call("events:DeleteRule", &error))
            }
            Resource::Subscription { topic, queue } => {
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

    /// Deletes the role with its inline policies, since IAM deletes no role that has some. Leaves somebody else's role alone.
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
                Err(error) if is(&error, "DeleteConflict") && tries < MAX_DELETIONS => {
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

/// Whether an error has this code, with or without the prefix that some services put before it.
fn is<E: ProvideErrorMetadata>(error: &SdkError<E>, code: &str) -> bool {
    error.code().is_some_and(|found| found == code || found.ends_with(&format!(".{code}")))
}

/// Returns the command that deletes a resource by hand.
fn deletion_command(resource: &Resource) -> String {
    match resource {
        Resource::Role(name) => format!(
            "aws iam delete-role-policy --role-name {name} --policy-name LambdaInvokePermission; aws iam delete-role --role-name {name}"
        ),
        Resource::Queue(name) => {
            format!(
                "aws sqs delete-queue --queue-url $(aws sqs get-queue-url --queue-name {name} --query QueueUrl --output text)"
            )
        }
        Resource::Rule(name) => {
            format!(
                "aws events remove-targets --rule {name} --ids {TARGET}; aws events delete-rule --name {name}"
            )
        }
        Resource::Subscription { topic, queue } => {
            format!(
                "aws sns list-subscriptions-by-topic --topic-arn {topic}, and aws sns unsubscribe for the endpoint {queue}"
            )
        }
    }
}
