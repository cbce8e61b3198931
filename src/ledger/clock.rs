//! The table's view of time: the `Date` of DynamoDB's answers, which all environments share whatever their own clocks say.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use remediator_core::ledger::{TableTime, table_time};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::time::Instant;

/// Reads the time from each answer.
#[derive(Debug, Clone)]
pub(super) struct TableClock {
    last: Arc<Mutex<Option<(TableTime, Instant)>>>,
    /// The environment's own clock, for a table that tells no time.
    own: fn() -> SystemTime,
}

impl TableClock {
    /// Knows no answer yet.
    pub(super) fn new(own: fn() -> SystemTime) -> Self {
        Self { last: Arc::default(), own }
    }

    /// Returns the table's time, at most a second behind.
    pub(super) fn now(&self) -> TableTime {
        match *self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((date, since)) => date.saturating_add(since.elapsed().as_secs()),
            None => table_time((self.own)()),
        }
    }
}

#[dyn_dispatch_hint]
impl Intercept for TableClock {
    fn name(&self) -> &'static str {
        "TableClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|text| DateTime::from_str(text, Format::HttpDate).ok());
        if let Some(date) = date.and_then(|date| TableTime::try_from(date.secs()).ok()) {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let counted = last.map(|(date, since)| date.saturating_add(since.elapsed().as_secs()));
            // Calls are answered side by side: a late answer does not set the clock back.
            if counted.is_none_or(|counted| counted <= date) {
                *last = Some((date, Instant::now()));
            }
        }
        Ok(())
    }
}
