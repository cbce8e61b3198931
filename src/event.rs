//! The event as it came.
//!
//! A [`Payload`] takes any bytes, so that nothing fails before it can be classified. An [`ApiCall`] is CloudTrail's
//! record of one call in EventBridge's envelope, with every field optional: it repeats, it does not judge. What the
//! fields mean together is [`denial`](crate::denial)'s business.
//!
//! See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html> and
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::text::one_line;

/// The largest payload that is read: far above any event of EventBridge, and read into values it still fits into the
/// smallest function's memory.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// What EventBridge's envelope says of a CloudTrail record.
const DETAIL_TYPE: &str = "AWS API Call via CloudTrail";
const SOURCE: &str = "aws.lambda";
const EVENT_SOURCE: &str = "lambda.amazonaws.com";
/// CloudTrail's names of the calls that IAM authorizes as `lambda:InvokeFunction`.
const EVENT_NAMES: [&str; 3] = ["Invoke", "InvokeAsync", "InvokeWithResponseStream"];
/// Nothing that merely contains the word: `KMSAccessDeniedException` concerns the function's own role.
const ERROR_CODES: [&str; 2] = ["AccessDenied", "AccessDeniedException"];

/// The bytes of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// JSON that was read.
    Json(Value),
    /// JSON, but deeper, larger or stranger than can be read as values; the text says which.
    Unreadable(String),
    /// No JSON at all.
    NotJson(String),
}

impl Payload {
    /// Reads bytes, whatever they are.
    pub fn from_slice(bytes: &[u8]) -> Self {
        match serde_json::from_slice(bytes) {
            Ok(raw) => Self::from_raw(raw),
            Err(error) => Self::NotJson(error.to_string()),
        }
    }

    fn from_raw(raw: &RawValue) -> Self {
        if raw.get().len() > MAX_PAYLOAD_BYTES {
            let length = raw.get().len();
            return Self::Unreadable(format!(
                "{length} bytes are more than the {MAX_PAYLOAD_BYTES} that are read"
            ));
        }
        match serde_json::from_str(raw.get()) {
            Ok(value) => Self::Json(value),
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    /// Never fails: the runtime would answer for us, and Lambda would retry what no retry can cure.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Box::<RawValue>::deserialize(deserializer) {
            Ok(raw) => Self::from_raw(&raw),
            Err(error) => Self::NotJson(error.to_string()),
        })
    }
}

/// One call as CloudTrail recorded it and EventBridge delivered it. Texts are the event's own, empty ones left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiCall {
    /// The envelope's `account`.
    pub envelope_account: Option<String>,
    /// The envelope's `region`.
    pub envelope_region: Option<String>,
    /// `recipientAccountId`: the account whose trail recorded the call.
    pub recipient_account: Option<String>,
    /// `awsRegion`.
    pub aws_region: Option<String>,
    /// `eventID`, CloudTrail's; the envelope's `id` is another.
    pub event_id: Option<String>,
    /// `eventTime`, in the text's own form (RFC 3339).
    pub event_time: Option<String>,
    /// `sourceIPAddress`: an address, or the name of an AWS service.
    pub source_ip_address: Option<String>,
    /// `userAgent`, chosen by the caller.
    pub user_agent: Option<String>,
    /// `errorMessage`.
    pub error_message: Option<String>,
    /// `userIdentity`.
    pub identity: UserIdentity,
    /// `requestParameters.functionName`.
    pub function_name: Option<String>,
    /// `resources`, those of the type `AWS::Lambda::Function` or of no type.
    pub resources: Vec<RecordedResource>,
    /// The first field that is there, and not null, in a form that CloudTrail does not write.
    pub malformed: Option<&'static str>,
}

/// CloudTrail's `userIdentity`.
///
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserIdentity {
    /// `type`: `IAMUser`, `AssumedRole`, `Root`, ...
    pub kind: Option<String>,
    /// `arn`: of the user, or of the role's session.
    pub arn: Option<String>,
    /// `accountId`.
    pub account: Option<String>,
    /// `userName`: of a user.
    pub user_name: Option<String>,
    /// `sessionContext.sessionIssuer.type`.
    pub issuer_kind: Option<String>,
    /// `sessionContext.sessionIssuer.arn`: the role's own ARN, path included.
    pub issuer_arn: Option<String>,
    /// `sessionContext.sessionIssuer.accountId`.
    pub issuer_account: Option<String>,
    /// `sessionContext.sessionIssuer.userName`: the role's friendly name.
    pub issuer_name: Option<String>,
}

/// One entry of CloudTrail's `resources`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordedResource {
    /// `ARN`, never with a qualifier.
    pub arn: Option<String>,
    /// `accountId`.
    pub account: Option<String>,
}

/// A payload that is no record of a denied invoke, and what could be told of it all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtherEvent {
    /// What is missing or different, for a person.
    pub why: String,
    /// What was read before that was known.
    pub call: ApiCall,
}

impl ApiCall {
    /// Reads the record of a denied invoke out of EventBridge's event.
    pub fn read(event: Value) -> Result<Self, Box<OtherEvent>> {
        let is_object = event.is_object();
        let mut fields = Record::of(event);
        let envelope_account = fields.text("account", "account");
        let envelope_region = fields.text("region", "region");
        // What nobody reads may have any form.
        fields.fields.retain(|key, _| ["source", "detail-type", "detail"].contains(&key.as_str()));
        let envelope = match serde_json::from_value::<EventBridgeEvent<Value>>(fields.fields.into()) {
            Ok(envelope) => envelope,
            Err(_) if !is_object => return Err(OtherEvent::new("it is not a JSON object".to_owned())),
            Err(error) => {
                let error = one_line(&error.to_string().replace('`', "'"), 128);
                return Err(OtherEvent::new(format!("it is not an EventBridge event: {error}")));
            }
        };
        let is_record = envelope.detail.is_object();
        let mut record = Record::of(envelope.detail);
        record.malformed = fields.malformed;
        let event_source = record.text("eventSource", "eventSource");
        let event_name = record.text("eventName", "eventName");
        let error_code = record.text("errorCode", "errorCode");
        let call = Self { envelope_account, envelope_region, ..record.into_call() };
        let is_one_of =
            |text: &Option<String>, known: &[&str]| text.as_deref().is_some_and(|text| known.contains(&text));
        let why = if (envelope.source.as_str(), envelope.detail_type.as_str()) != (SOURCE, DETAIL_TYPE) {
            "it is not an `AWS API Call via CloudTrail` of `aws.lambda`"
        } else if !is_record {
            "its `detail` is not a record of CloudTrail"
        } else if !is_one_of(&event_source, &[EVENT_SOURCE]) {
            "its `eventSource` is not Lambda"
        } else if !is_one_of(&event_name, &EVENT_NAMES) {
            "its `eventName` is not an invoke"
        } else if !is_one_of(&error_code, &ERROR_CODES) {
            "its `errorCode` does not say that access was denied"
        } else {
            return Ok(call);
        };
        Err(Box::new(OtherEvent { why: why.to_owned(), call }))
    }

    /// The fields that state the account that recorded the call.
    pub(crate) fn accounts(&self) -> [(&'static str, Option<&str>); 2] {
        [
            ("the envelope's `account`", self.envelope_account.as_deref()),
            ("`recipientAccountId`", self.recipient_account.as_deref()),
        ]
    }

    /// The fields that state the region of the call.
    pub(crate) fn regions(&self) -> [(&'static str, Option<&str>); 2] {
        [
            ("the envelope's `region`", self.envelope_region.as_deref()),
            ("`awsRegion`", self.aws_region.as_deref()),
        ]
    }
}

impl OtherEvent {
    fn new(why: String) -> Box<Self> {
        Box::new(Self { why, call: ApiCall::default() })
    }
}

/// An object of the record, from which fields are taken by name.
struct Record {
    fields: Map<String, Value>,
    malformed: Option<&'static str>,
}

impl Record {
    fn of(value: Value) -> Self {
        let fields = if let Value::Object(fields) = value { fields } else { Map::new() };
        Self { fields, malformed: None }
    }

    fn into_call(mut self) -> ApiCall {
        let mut call = ApiCall {
            recipient_account: self.text("recipientAccountId", "recipientAccountId"),
            aws_region: self.text("awsRegion", "awsRegion"),
            event_id: self.text("eventID", "eventID"),
            event_time: self.text("eventTime", "eventTime"),
            source_ip_address: self.text("sourceIPAddress", "sourceIPAddress"),
            user_agent: self.text("userAgent", "userAgent"),
            error_message: self.text("errorMessage", "errorMessage"),
            ..ApiCall::default()
        };
        let mut identity = self.object("userIdentity", "userIdentity");
        let mut session = identity.object("sessionContext", "userIdentity.sessionContext");
        let mut issuer = session.object("sessionIssuer", "userIdentity.sessionContext.sessionIssuer");
        call.identity = UserIdentity {
            kind: identity.text("type", "userIdentity.type"),
            arn: identity.text("arn", "userIdentity.arn"),
            account: identity.text("accountId", "userIdentity.accountId"),
            user_name: identity.text("userName", "userIdentity.userName"),
            issuer_kind: issuer.text("type", "userIdentity.sessionContext.sessionIssuer.type"),
            issuer_arn: issuer.text("arn", "userIdentity.sessionContext.sessionIssuer.arn"),
            issuer_account: issuer.text("accountId", "userIdentity.sessionContext.sessionIssuer.accountId"),
            issuer_name: issuer.text("userName", "userIdentity.sessionContext.sessionIssuer.userName"),
        };
        let mut parameters = self.object("requestParameters", "requestParameters");
        call.function_name = parameters.text("functionName", "requestParameters.functionName");
        let nested = [identity.malformed, session.malformed, issuer.malformed, parameters.malformed];
        call.resources = self.resources();
        call.malformed = nested.into_iter().fold(self.malformed, Option::or);
        call
    }

    /// The functions among `resources`.
    fn resources(&mut self) -> Vec<RecordedResource> {
        const PATH: &str = "resources";
        let entries = match self.fields.remove(PATH) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(entries)) => entries,
            Some(_) => {
                self.malformed = self.malformed.or(Some(PATH));
                return Vec::new();
            }
        };
        let mut functions = Vec::new();
        for entry in entries {
            let Value::Object(fields) = entry else {
                self.malformed = self.malformed.or(Some(PATH));
                continue;
            };
            let mut entry = Self { fields, malformed: None };
            let kind = entry.text("type", "resources.type");
            let function = RecordedResource {
                arn: entry.text("ARN", "resources.ARN"),
                account: entry.text("accountId", "resources.accountId"),
            };
            self.malformed = self.malformed.or(entry.malformed);
            if kind.as_deref().is_none_or(|kind| kind == "AWS::Lambda::Function") {
                functions.push(function);
            }
        }
        functions
    }

    /// A text, unless it is missing, null or empty.
    fn text(&mut self, key: &str, path: &'static str) -> Option<String> {
        match self.fields.remove(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text).filter(|text| !text.is_empty()),
            Some(_) => {
                self.malformed = self.malformed.or(Some(path));
                None
            }
        }
    }

    /// An object, empty where it is missing or null.
    fn object(&mut self, key: &str, path: &'static str) -> Self {
        let fields = match self.fields.remove(key) {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(fields)) => fields,
            Some(_) => {
                self.malformed = self.malformed.or(Some(path));
                Map::new()
            }
        };
        Self { fields, malformed: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(detail: Value) -> Value {
        json!({"source": SOURCE, "detail-type": DETAIL_TYPE, "account": "281502313273", "detail": detail})
    }

    fn denied(mut detail: Value) -> Value {
        for (key, value) in
            [("eventSource", EVENT_SOURCE), ("eventName", "Invoke"), ("errorCode", "AccessDenied")]
        {
            detail[key] = value.into();
        }
        event(detail)
    }

    #[test]
    fn any_bytes_are_a_payload() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let large = format!("\"{}\"", "x".repeat(MAX_PAYLOAD_BYTES));
        for text in [deep.as_str(), &large, "1e400", r#""\ud800""#] {
            assert!(matches!(Payload::from_slice(text.as_bytes()), Payload::Unreadable(_)), "{:.20}", text);
        }
        for bytes in [&b""[..], b"{", b"\xff", b"nonsense", b"{} {}"] {
            assert!(matches!(Payload::from_slice(bytes), Payload::NotJson(_)), "{bytes:?}");
        }
        for text in ["null", "[]", "\"\"", "-0.5", "{\"detail\": null}"] {
            assert!(matches!(Payload::from_slice(text.as_bytes()), Payload::Json(_)), "{text}");
        }
    }

    #[test]
    fn a_payload_never_fails_to_deserialize() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for text in [deep.as_str(), "", "{", "nonsense", r#""\ud800""#] {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            let payload: Payload = serde_path_to_error::deserialize(&mut deserializer).unwrap();
            assert!(!matches!(payload, Payload::Json(_)), "{:.20}", text);
        }
        let payload: Payload =
            serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str("{}")).unwrap();
        assert_eq!(payload, Payload::Json(json!({})));
    }

    #[test]
    fn every_field_is_optional() {
        let call = ApiCall::read(denied(json!({}))).unwrap();
        assert_eq!(call, ApiCall { envelope_account: Some("281502313273".to_owned()), ..ApiCall::default() });
        let nulls = denied(json!({
            "userIdentity": null, "requestParameters": null, "resources": null, "errorMessage": null, "eventID": ""
        }));
        assert_eq!(ApiCall::read(nulls).unwrap(), call);
    }

    #[test]
    fn what_is_no_denied_invoke_is_told_apart() {
        for (key, value) in [
            ("eventSource", "s3.amazonaws.com"),
            ("eventName", "InvokeExecution"),
            ("eventName", "ListFunctions20150331"),
            ("errorCode", "KMSAccessDeniedException"),
            ("errorCode", "EC2AccessDeniedException"),
            ("errorCode", "ThrottlingException"),
        ] {
            let mut event = denied(json!({}));
            event["detail"][key] = value.into();
            assert!(ApiCall::read(event).is_err(), "{value}");
        }
        for key in ["eventSource", "eventName", "errorCode"] {
            for value in [Value::Null, json!(1), json!([]), json!({})] {
                let mut event = denied(json!({}));
                event["detail"][key] = value;
                assert!(ApiCall::read(event).is_err(), "{key}");
            }
        }
        for event in [json!(null), json!([]), json!("text"), json!({}), event(json!(null)), event(json!([]))]
        {
            assert!(ApiCall::read(event).is_err());
        }
        let mut other = denied(json!({}));
        other["source"] = "aws.s3".into();
        assert!(ApiCall::read(other).is_err());
    }

    #[test]
    fn an_envelope_in_a_strange_form_is_still_an_envelope() {
        for (key, value) in
            [("time", json!("yesterday")), ("id", json!(7)), ("version", json!(0)), ("resources", json!({}))]
        {
            let mut event = denied(json!({}));
            event[key] = value;
            assert_eq!(ApiCall::read(event).unwrap().malformed, None, "{key}");
        }
        for key in ["account", "region"] {
            let mut event = denied(json!({}));
            event[key] = json!(281_502_313_273_u64);
            assert_eq!(ApiCall::read(event).unwrap().malformed, Some(key));
        }
    }

    #[test]
    fn a_field_in_a_strange_form_is_named() {
        for (detail, path) in [
            (json!({"userIdentity": "x"}), "userIdentity"),
            (json!({"userIdentity": {"arn": 1}}), "userIdentity.arn"),
            (json!({"userIdentity": {"sessionContext": []}}), "userIdentity.sessionContext"),
            (json!({"requestParameters": []}), "requestParameters"),
            (json!({"resources": {}}), "resources"),
            (json!({"resources": ["x"]}), "resources"),
            (json!({"resources": [{"ARN": {}}]}), "resources.ARN"),
            (json!({"errorMessage": {}}), "errorMessage"),
            (json!({"recipientAccountId": 281502313273_u64}), "recipientAccountId"),
        ] {
            assert_eq!(ApiCall::read(denied(detail)).unwrap().malformed, Some(path));
        }
        // What is never read may have any form: `attributes` of an OIDC session is a map.
        let odd =
            json!({"userIdentity": {"sessionContext": {"webIdFederationData": {"attributes": {"a": [1]}}}}});
        assert_eq!(ApiCall::read(denied(odd)).unwrap().malformed, None);
    }
}
