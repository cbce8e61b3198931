//! The table's calls, and nothing of what lies in it. Reads are consistent; a put may be on the condition that nobody has
//! changed the item since it was read.
//!
//! See <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html>.

use crate::ledger::clock::TableClock;
use crate::ledger::error::LedgerError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, DeleteRequest, KeysAndAttributes, PutRequest, ReturnValuesOnConditionCheckFailure,
    WriteRequest,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use remediator_core::ledger::{Key, TableTime};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::sleep;

/// The greatest number of items in one batch.
///
/// See <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>.
const BATCH: usize = 25;
/// How many batches are sent at once.
const BATCHES_AT_ONCE: usize = 4;
/// How often what DynamoDB left of a batch is sent again.
const BATCH_TRIES: u32 = 6;

/// An item, by its attributes.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    client: Client,
    name: String,
    clock: TableClock,
}

/// What became of a put on a condition.
#[derive(Debug)]
pub(super) enum Put<T> {
    /// It was made.
    Done,
    /// Somebody changed the item; what it is now, if it is there.
    Changed(Option<T>),
}

impl Table {
    /// Names the table, by name or ARN; `client` reports its answers' dates to `clock`.
    pub(super) fn new(client: Client, name: String, clock: TableClock) -> Self {
        Self { client, name, clock }
    }

    /// A time that is not before the table's.
    pub(super) fn latest(&self) -> TableTime {
        self.clock.latest()
    }

    /// Its name or ARN.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The table's time.
    pub(super) fn now(&self) -> TableTime {
        self.clock.now()
    }

    /// Reads an item. Needs `dynamodb:BatchGetItem`.
    pub(super) async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, LedgerError> {
        let [item] = self.get_all([key]).await?;
        self.read_found(key, item)
    }

    /// Reads several items in one call: for each key its item, or `None`. Needs `dynamodb:BatchGetItem`.
    pub(super) async fn get_all<const N: usize>(
        &self,
        keys: [&Key; N],
    ) -> Result<[Option<Item>; N], LedgerError> {
        let mut found: HashMap<Key, Item> = HashMap::new();
        let mut left: Vec<Item> = keys.iter().map(|key| attributes(key)).collect();
        for tries in 1..=BATCH_TRIES {
            let wanted = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| self.unavailable("BatchGetItem", error.to_string()))?;
            let answer = self.client.batch_get_item().request_items(&self.name, wanted).send().await;
            let answer = answer.map_err(|error| LedgerError::new("BatchGetItem", &self.name, &error))?;
            // Keyed by the table's name, which may have been given as an ARN.
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                if let Some(key) = key_of(&item) {
                    found.insert(key, item);
                }
            }
            let unread = answer.unprocessed_keys.unwrap_or_default().into_values();
            left = unread.flat_map(|unread| unread.keys).collect();
            if left.is_empty() {
                return Ok(keys.map(|key| found.remove(key)));
            }
            sleep(Duration::from_millis(25 << tries).mul_f64(fastrand::f64())).await;
        }
        Err(self.unavailable("BatchGetItem", "DynamoDB kept leaving items out".to_owned()))
    }

    /// Reads the items of a partition between two sort keys, the first so many, or all of them. Needs `dynamodb:Query`.
    pub(super) async fn query(
        &self,
        pk: &str,
        (from, to): (&str, &str),
        most: Option<i32>,
    ) -> Result<Vec<(Key, Item)>, LedgerError> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let call = self.client.query().table_name(&self.name).consistent_read(true);
        let call = call.key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to");
        let call = call.expression_attribute_values(":pk", text(pk));
        let call = call
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to));
        let items: Result<Vec<Item>, _> = match most {
            Some(most) => call.limit(most).send().await.map(|page| page.items.unwrap_or_default()),
            None => call.into_paginator().items().send().try_collect().await,
        };
        let items = items.map_err(|error| LedgerError::new("Query", &self.name, &error))?;
        Ok(items.into_iter().filter_map(|item| Some((key_of(&item)?, item))).collect())
    }

    /// Puts an item if nobody has changed it since its version was `seen`; `None` stands for an item that was not there. Needs
    /// `dynamodb:PutItem`.
    pub(super) async fn put_if_unchanged<T: Serialize + DeserializeOwned + PartialEq>(
        &self,
        key: &Key,
        seen: Option<u64>,
        item: &T,
    ) -> Result<Put<T>, LedgerError> {
        let call = self.client.put_item().table_name(&self.name).set_item(Some(self.write(key, item)?));
        let call = match seen {
            None => call.condition_expression("attribute_not_exists(pk)"),
            Some(version) => call
                .condition_expression("#version = :seen")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":seen", AttributeValue::N(version.to_string())),
        };
        let call = call.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match call.send().await {
            Ok(_) => return Ok(Put::Done),
            Err(error) => error,
        };
        let found = match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => match failed.item.clone() {
                Some(item) => Some(self.read(key, item)?),
                // An engine that does not tell.
                None => self.get(key).await?,
            },
            Some(_) | None => return Err(LedgerError::new("PutItem", &self.name, &error)),
        };
        // The SDK tries again where an answer was lost, and then meets its own item.
        match found.as_ref() == Some(item) {
            true => Ok(Put::Done),
            false => Ok(Put::Changed(found)),
        }
    }

    /// Puts an item, whatever is there. Needs `dynamodb:PutItem`.
    pub(super) async fn put<T: Serialize>(&self, key: &Key, item: &T) -> Result<(), LedgerError> {
        let call = self.client.put_item().table_name(&self.name).set_item(Some(self.write(key, item)?));
        call.send().await.map(drop).map_err(|error| LedgerError::new("PutItem", &self.name, &error))
    }

    /// Deletes an item, if it is there. Needs `dynamodb:DeleteItem`.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), LedgerError> {
        let call = self.client.delete_item().table_name(&self.name).set_key(Some(attributes(key)));
        call.send().await.map(drop).map_err(|error| LedgerError::new("DeleteItem", &self.name, &error))
    }

    /// Adds `number` to a count, which begins with zero, and says how long it is kept. Needs `dynamodb:UpdateItem`.
    pub(super) async fn add(&self, key: &Key, number: i64, ttl: TableTime) -> Result<(), LedgerError> {
        let call = self.client.update_item().table_name(&self.name).set_key(Some(attributes(key)));
        let call = call
            .update_expression("ADD #count :number SET #ttl = :ttl")
            .expression_attribute_names("#count", COUNT)
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":number", AttributeValue::N(number.to_string()))
            .expression_attribute_values(":ttl", AttributeValue::N(ttl.to_string()));
        call.send().await.map(drop).map_err(|error| LedgerError::new("UpdateItem", &self.name, &error))
    }

    /// Puts and deletes many items, whatever is there. Needs `dynamodb:BatchWriteItem`.
    pub(super) async fn write_all(&self, puts: Vec<Item>, deletes: &[Key]) -> Result<(), LedgerError> {
        let failed = |error: BuildError| self.unavailable("BatchWriteItem", error.to_string());
        let mut requests = Vec::with_capacity(puts.len() + deletes.len());
        for item in puts {
            let put = PutRequest::builder().set_item(Some(item)).build().map_err(failed)?;
            requests.push(WriteRequest::builder().put_request(put).build());
        }
        for key in deletes {
            let delete = DeleteRequest::builder().set_key(Some(attributes(key))).build().map_err(failed)?;
            requests.push(WriteRequest::builder().delete_request(delete).build());
        }
        let batches: Vec<_> = requests.chunks(BATCH).map(<[_]>::to_vec).collect();
        let sent = batches.into_iter().map(|batch| self.write_batch(batch));
        stream::iter(sent).buffer_unordered(BATCHES_AT_ONCE).try_collect().await
    }

    async fn write_batch(&self, mut batch: Vec<WriteRequest>) -> Result<(), LedgerError> {
        for tries in 1..=BATCH_TRIES {
            let call = self.client.batch_write_item().request_items(&self.name, batch);
            let answer = call.send().await;
            let answer = answer.map_err(|error| LedgerError::new("BatchWriteItem", &self.name, &error))?;
            // Keyed by the table's name, which may have been given as an ARN.
            batch = answer.unprocessed_items.unwrap_or_default().into_values().flatten().collect();
            if batch.is_empty() {
                return Ok(());
            }
            sleep(Duration::from_millis(25 << tries).mul_f64(fastrand::f64())).await;
        }
        Err(self.unavailable("BatchWriteItem", "DynamoDB kept leaving items out".to_owned()))
    }

    /// Returns an item's attributes, with its key.
    pub(super) fn write<T: Serialize>(&self, key: &Key, item: &T) -> Result<Item, LedgerError> {
        let item: serde_dynamo::Item =
            serde_dynamo::to_item(item).map_err(|error| self.unreadable(key, error.to_string()))?;
        let mut item: Item = item.into();
        item.extend(attributes(key));
        Ok(item)
    }

    /// Reads the attributes of an item that may not be there.
    pub(super) fn read_found<T: DeserializeOwned>(
        &self,
        key: &Key,
        item: Option<Item>,
    ) -> Result<Option<T>, LedgerError> {
        item.map(|item| self.read(key, item)).transpose()
    }

    /// Reads an item's attributes.
    pub(super) fn read<T: DeserializeOwned>(&self, key: &Key, item: Item) -> Result<T, LedgerError> {
        serde_dynamo::from_item(item).map_err(|error| self.unreadable(key, error.to_string()))
    }

    fn unreadable(&self, key: &Key, context: String) -> LedgerError {
        let key = format!("{}, {}", key.pk, key.sk);
        LedgerError::Unreadable { key, table: self.name.clone(), context }
    }

    pub(super) fn unavailable(&self, call: &'static str, context: String) -> LedgerError {
        LedgerError::Unavailable { call, table: self.name.clone(), context }
    }
}

/// The attribute of a count.
const COUNT: &str = "count";

fn key_of(item: &Item) -> Option<Key> {
    let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    Some(Key { pk: text("pk")?, sk: text("sk")? })
}

fn attributes(key: &Key) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    HashMap::from([("pk".to_owned(), text(&key.pk)), ("sk".to_owned(), text(&key.sk))])
}
