//! The table's view of time: the `Date` of DynamoDB's answers, which all environments share whatever their own clocks say.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::date_time::Format;
use remediator_core::ledger::{TableTime, table_time};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::time::Instant;

/// The date of an answer, which was written between its request's sending and its arrival.
#[derive(Debug, Clone, Copy)]
struct Dated {
    date: TableTime,
    sent: Instant,
    arrived: Instant,
}

/// When a request was sent.
#[derive(Debug, Clone, Copy)]
struct SentAt(Instant);

impl Storable for SentAt {
    type Storer = StoreReplace<Self>;
}

/// Reads the time from each answer.
#[derive(Debug, Clone)]
pub(super) struct TableClock {
    last: Arc<Mutex<Option<Dated>>>,
    /// The environment's own clock, for a table that tells no time.
    own: fn() -> SystemTime,
}

impl TableClock {
    /// Knows no answer yet.
    pub(super) fn new(own: fn() -> SystemTime) -> Self {
        Self { last: Arc::default(), own }
    }

    /// Returns a time that is not after the table's: behind it by a second, and by as long as an answer was on its way.
    pub(super) fn now(&self) -> TableTime {
        self.counted(|Dated { date, arrived, .. }| date.saturating_add(arrived.elapsed().as_secs()))
    }

    /// Returns a time that is not before the table's, likewise. An answer's date and what has passed since are whole seconds.
    pub(super) fn latest(&self) -> TableTime {
        self.counted(|Dated { date, sent, .. }| {
            date.saturating_add(sent.elapsed().as_secs()).saturating_add(2)
        })
    }

    fn counted(&self, count: impl Fn(Dated) -> TableTime) -> TableTime {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.map_or_else(|| table_time((self.own)()), count)
    }
}

#[dyn_dispatch_hint]
impl Intercept for TableClock {
    fn name(&self) -> &'static str {
        "TableClock"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state().store_put(SentAt(Instant::now()));
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|text| DateTime::from_str(text, Format::HttpDate).ok());
        let sent = bag.load::<SentAt>().map(|SentAt(sent)| *sent);
        if let (Some(date), Some(sent)) = (date.and_then(|date| TableTime::try_from(date.secs()).ok()), sent)
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let counted = last.map(|last| last.date.saturating_add(last.arrived.elapsed().as_secs()));
            // Calls are answered side by side: a late answer does not set the clock back.
            if counted.is_none_or(|counted| counted <= date) {
                *last = Some(Dated { date, sent, arrived: Instant::now() });
            }
        }
        Ok(())
    }
}
