//! CloudTrail's record of one call, in EventBridge's envelope or by itself.
//!
//! Every field is optional. An [`ApiCall`] repeats what the record says; a [`Claim`](crate::incoming::claim::Claim) compares
//! its fields.
//!
//! See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html> and
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>.

use crate::text::one_line;
use aws_lambda_events::eventbridge::EventBridgeEvent;
use serde_json::{Map, Value};

/// The detail type that EventBridge's envelope of a CloudTrail record has.
const DETAIL_TYPE: &str = "AWS API Call via CloudTrail";
const SOURCE: &str = "aws.lambda";
const EVENT_SOURCE: &str = "lambda.amazonaws.com";
/// CloudTrail's names of the calls that IAM authorizes as `lambda:InvokeFunction`.
const EVENT_NAMES: [&str; 3] = ["Invoke", "InvokeAsync", "InvokeWithResponseStream"];
/// Nothing that merely contains the word: `KMSAccessDeniedException` concerns the function's own role.
const ERROR_CODES: [&str; 2] = ["AccessDenied", "AccessDeniedException"];
/// The type of a function among a record's `resources`.
const FUNCTION_TYPE: &str = "AWS::Lambda::Function";

/// A JSON object.
type Object = Map<String, Value>;

/// One call as CloudTrail recorded it and EventBridge delivered it. Empty texts are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ApiCall<'a> {
    /// The envelope's `account`.
    pub(super) envelope_account: Option<&'a str>,
    /// The envelope's `region`.
    pub(super) envelope_region: Option<&'a str>,
    /// `recipientAccountId`: the account whose trail recorded the call.
    pub(super) recipient_account: Option<&'a str>,
    /// `awsRegion`.
    pub(super) aws_region: Option<&'a str>,
    /// `eventID`, CloudTrail's; the envelope's `id` is another.
    pub(super) event_id: Option<&'a str>,
    /// `eventTime`, in the record's own form (RFC 3339).
    pub(super) event_time: Option<&'a str>,
    /// `sourceIPAddress`: an address, or the name of an AWS service.
    pub(super) source_ip_address: Option<&'a str>,
    /// `userAgent`, chosen by the caller.
    pub(super) user_agent: Option<&'a str>,
    /// `errorMessage`.
    pub(super) error_message: Option<&'a str>,
    /// `userIdentity`.
    pub(super) identity: UserIdentity<'a>,
    /// `requestParameters.functionName`.
    pub(super) function_name: Option<&'a str>,
    /// `resources`, those of the type `AWS::Lambda::Function` or of no type.
    pub(super) resources: Vec<RecordedResource<'a>>,
    /// The path of the first field, not null, that has a form that CloudTrail does not write.
    pub(super) malformed: Option<&'static str>,
}

/// CloudTrail's `userIdentity`.
///
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct UserIdentity<'a> {
    /// `type`: `IAMUser`, `AssumedRole`, `Root`, ...
    pub(super) kind: Option<&'a str>,
    /// `arn`: of the user, or of the role's session.
    pub(super) arn: Option<&'a str>,
    /// `accountId`.
    pub(super) account: Option<&'a str>,
    /// `userName`: of a user.
    pub(super) user_name: Option<&'a str>,
    /// `sessionContext.sessionIssuer.type`.
    pub(super) issuer_kind: Option<&'a str>,
    /// `sessionContext.sessionIssuer.arn`: the role's own ARN, path included.
    pub(super) issuer_arn: Option<&'a str>,
    /// `sessionContext.sessionIssuer.accountId`.
    pub(super) issuer_account: Option<&'a str>,
    /// `sessionContext.sessionIssuer.userName`: the role's friendly name.
    pub(super) issuer_name: Option<&'a str>,
}

/// One entry of CloudTrail's `resources`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RecordedResource<'a> {
    /// `ARN`, never with a qualifier.
    pub(super) arn: Option<&'a str>,
    /// `accountId`.
    pub(super) account: Option<&'a str>,
}

/// A payload that is not the record of a denied invoke.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OtherPayload<'a> {
    /// The difference, as a clause for a person.
    pub(super) why: String,
    /// The fields that it shares with a record.
    pub(super) call: ApiCall<'a>,
    /// Whether CloudTrail wrote it.
    pub(super) is_from_cloudtrail: bool,
}

impl<'a> ApiCall<'a> {
    /// Reads the record of a denied invoke from EventBridge's event, or by itself, as CloudTrail's log files hold it.
    ///
    /// # Errors
    ///
    /// `event` is something else.
    pub(super) fn read(event: &'a Value) -> Result<Self, Box<OtherPayload<'a>>> {
        let mut reader = FieldReader::default();
        if let Some(record) = bare_record(event) {
            let difference = difference_from_denied_invoke(Some(record), &mut reader);
            let call = read_record(Some(record), &mut reader);
            return conclude(call, difference, true);
        }
        let envelope = event.as_object();
        let field = |key| envelope.and_then(|envelope| envelope.get(key));
        let (Some(Value::String(source)), Some(Value::String(detail_type)), Some(detail)) =
            (field("source"), field("detail-type"), field("detail"))
        else {
            return Err(Box::new(OtherPayload { why: why_no_envelope(event), ..OtherPayload::default() }));
        };
        let envelope_account = reader.text(envelope, "account");
        let envelope_region = reader.text(envelope, "region");
        let record = detail.as_object();
        let mut difference = difference_from_denied_invoke(record, &mut reader);
        let call = Self { envelope_account, envelope_region, ..read_record(record, &mut reader) };
        if (source.as_str(), detail_type.as_str()) != (SOURCE, DETAIL_TYPE) {
            difference = Some("it is not an `AWS API Call via CloudTrail` of `aws.lambda`");
        } else if record.is_none() {
            difference = Some("its `detail` is not a record of CloudTrail");
        }
        conclude(call, difference, detail_type == DETAIL_TYPE)
    }

    /// Returns the fields that state the account that recorded the call.
    pub(super) fn accounts(&self) -> [(&'static str, Option<&'a str>); 2] {
        [
            ("the envelope's `account`", self.envelope_account),
            ("`recipientAccountId`", self.recipient_account),
        ]
    }

    /// Returns the fields that state the region of the call.
    pub(super) fn regions(&self) -> [(&'static str, Option<&'a str>); 2] {
        [("the envelope's `region`", self.envelope_region), ("`awsRegion`", self.aws_region)]
    }
}

fn conclude<'a>(
    call: ApiCall<'a>,
    difference: Option<&str>,
    is_from_cloudtrail: bool,
) -> Result<ApiCall<'a>, Box<OtherPayload<'a>>> {
    match difference {
        None => Ok(call),
        Some(why) => Err(Box::new(OtherPayload { why: why.to_owned(), call, is_from_cloudtrail })),
    }
}

/// Returns the event if it is a record of Lambda's without an envelope.
fn bare_record(event: &Value) -> Option<&Object> {
    let fields = event.as_object()?;
    let is_enveloped = ["detail", "detail-type"].iter().any(|key| fields.contains_key(*key));
    let is_record = fields.get("eventSource").is_some_and(|source| source == EVENT_SOURCE);
    (is_record && !is_enveloped).then_some(fields)
}

/// Returns what an event lacks to be an envelope, or has in another form.
fn why_no_envelope(event: &Value) -> String {
    let Value::Object(fields) = event else {
        return "it is not a JSON object".to_owned();
    };
    // Fields that nobody reads may have any form.
    let is_read = |(key, _): &(&String, &Value)| ["source", "detail-type", "detail"].contains(&key.as_str());
    let read: Object =
        fields.iter().filter(is_read).map(|(key, value)| (key.clone(), value.clone())).collect();
    let error = serde_json::from_value::<EventBridgeEvent>(Value::Object(read)).err();
    let error = error.map(|error| error.to_string()).unwrap_or_default();
    format!("it is not an EventBridge event: {}", one_line(&error.replace('`', "'"), 128))
}

/// Returns the first field by which a record is not that of a denied invoke.
fn difference_from_denied_invoke(record: Option<&Object>, reader: &mut FieldReader) -> Option<&'static str> {
    let [event_source, event_name, error_code] =
        ["eventSource", "eventName", "errorCode"].map(|path| reader.text(record, path));
    let is_one_of = |text: Option<&str>, known: &[&str]| text.is_some_and(|text| known.contains(&text));
    if !is_one_of(event_source, &[EVENT_SOURCE]) {
        Some("its `eventSource` is not Lambda")
    } else if !is_one_of(event_name, &EVENT_NAMES) {
        Some("its `eventName` is not an invoke")
    } else if !is_one_of(error_code, &ERROR_CODES) {
        Some("its `errorCode` does not say that access was denied")
    } else {
        None
    }
}

/// Reads the other fields of a record. Their order decides which of several malformed ones is named.
fn read_record<'a>(record: Option<&'a Object>, reader: &mut FieldReader) -> ApiCall<'a> {
    let call = ApiCall {
        recipient_account: reader.text(record, "recipientAccountId"),
        aws_region: reader.text(record, "awsRegion"),
        event_id: reader.text(record, "eventID"),
        event_time: reader.text(record, "eventTime"),
        source_ip_address: reader.text(record, "sourceIPAddress"),
        user_agent: reader.text(record, "userAgent"),
        error_message: reader.text(record, "errorMessage"),
        ..ApiCall::default()
    };
    let identity = reader.object(record, "userIdentity");
    let parameters = reader.object(record, "requestParameters");
    let resources = read_resources(record, reader);
    let identity = read_identity(identity, reader);
    let function_name = reader.text(parameters, "requestParameters.functionName");
    ApiCall { identity, function_name, resources, malformed: reader.malformed, ..call }
}

fn read_identity<'a>(identity: Option<&'a Object>, reader: &mut FieldReader) -> UserIdentity<'a> {
    let session = reader.object(identity, "userIdentity.sessionContext");
    let user = UserIdentity {
        kind: reader.text(identity, "userIdentity.type"),
        arn: reader.text(identity, "userIdentity.arn"),
        account: reader.text(identity, "userIdentity.accountId"),
        user_name: reader.text(identity, "userIdentity.userName"),
        ..UserIdentity::default()
    };
    let issuer = reader.object(session, "userIdentity.sessionContext.sessionIssuer");
    UserIdentity {
        issuer_kind: reader.text(issuer, "userIdentity.sessionContext.sessionIssuer.type"),
        issuer_arn: reader.text(issuer, "userIdentity.sessionContext.sessionIssuer.arn"),
        issuer_account: reader.text(issuer, "userIdentity.sessionContext.sessionIssuer.accountId"),
        issuer_name: reader.text(issuer, "userIdentity.sessionContext.sessionIssuer.userName"),
        ..user
    }
}

/// Reads the functions among `resources`.
fn read_resources<'a>(record: Option<&'a Object>, reader: &mut FieldReader) -> Vec<RecordedResource<'a>> {
    let mut functions = Vec::new();
    for entry in reader.list(record, "resources") {
        let entry = entry.as_object().or_else(|| reader.mark_malformed("resources"));
        if entry.is_none() {
            continue;
        }
        let kind = reader.text(entry, "resources.type");
        let function = RecordedResource {
            arn: reader.text(entry, "resources.ARN"),
            account: reader.text(entry, "resources.accountId"),
        };
        if kind.is_none_or(|kind| kind == FUNCTION_TYPE) {
            functions.push(function);
        }
    }
    functions
}

/// Reads fields leniently, and records the path of the first malformed one.
///
/// Each field is named by its path in the event, whose last segment is its key in `object`.
#[derive(Default)]
struct FieldReader {
    malformed: Option<&'static str>,
}

impl FieldReader {
    /// Returns the text at `path`, unless it is missing, null or empty.
    fn text<'a>(&mut self, object: Option<&'a Object>, path: &'static str) -> Option<&'a str> {
        match self.value(object, path)? {
            Value::String(text) => Some(text.as_str()).filter(|text| !text.is_empty()),
            _ => self.mark_malformed(path),
        }
    }

    /// Returns the object at `path`, unless it is missing or null.
    fn object<'a>(&mut self, object: Option<&'a Object>, path: &'static str) -> Option<&'a Object> {
        match self.value(object, path)? {
            Value::Object(fields) => Some(fields),
            _ => self.mark_malformed(path),
        }
    }

    /// Returns the list at `path`, an empty one if it is missing or null.
    fn list<'a>(&mut self, object: Option<&'a Object>, path: &'static str) -> &'a [Value] {
        match self.value(object, path) {
            None => &[],
            Some(Value::Array(entries)) => entries,
            Some(_) => self.mark_malformed(path).unwrap_or_default(),
        }
    }

    /// Returns the value at `path`, unless it is missing or null.
    fn value<'a>(&self, object: Option<&'a Object>, path: &'static str) -> Option<&'a Value> {
        let key = path.rsplit('.').next()?;
        object?.get(key).filter(|value| !value.is_null())
    }

    fn mark_malformed<T>(&mut self, path: &'static str) -> Option<T> {
        self.malformed.get_or_insert(path);
        None
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
    fn every_field_is_optional() {
        let bare = denied(json!({}));
        let call = ApiCall::read(&bare).unwrap();
        assert_eq!(call, ApiCall { envelope_account: Some("281502313273"), ..ApiCall::default() });
        let nulls = denied(json!({
            "userIdentity": null, "requestParameters": null, "resources": null, "errorMessage": null, "eventID": ""
        }));
        assert_eq!(ApiCall::read(&nulls).unwrap(), call);
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
            assert!(ApiCall::read(&event).is_err(), "{value}");
        }
        for key in ["eventSource", "eventName", "errorCode"] {
            for value in [Value::Null, json!(1), json!([]), json!({})] {
                let mut event = denied(json!({}));
                event["detail"][key] = value;
                assert!(ApiCall::read(&event).is_err(), "{key}");
            }
        }
        for event in [json!(null), json!([]), json!("text"), json!({}), event(json!(null)), event(json!([]))]
        {
            assert!(ApiCall::read(&event).is_err());
        }
        let mut other = denied(json!({}));
        other["source"] = "aws.s3".into();
        assert!(ApiCall::read(&other).is_err());
    }

    #[test]
    fn what_an_envelope_lacks_is_told() {
        for (event, why) in [
            (json!([]), "it is not a JSON object"),
            (json!({}), "it is not an EventBridge event: missing field 'detail-type'"),
            (
                json!({"detail-type": "x", "detail": 1}),
                "it is not an EventBridge event: missing field 'source'",
            ),
            (
                json!({"detail-type": "x", "source": "x"}),
                "it is not an EventBridge event: missing field 'detail'",
            ),
            (
                json!({"detail-type": 7, "source": "x", "detail": 1}),
                "it is not an EventBridge event: invalid type: integer '7', expected a string",
            ),
        ] {
            assert_eq!(ApiCall::read(&event).unwrap_err().why, why);
        }
    }

    #[test]
    fn an_envelope_in_a_strange_form_is_still_an_envelope() {
        for (key, value) in
            [("time", json!("yesterday")), ("id", json!(7)), ("version", json!(0)), ("resources", json!({}))]
        {
            let mut event = denied(json!({}));
            event[key] = value;
            assert_eq!(ApiCall::read(&event).unwrap().malformed, None, "{key}");
        }
        for key in ["account", "region"] {
            let mut event = denied(json!({}));
            event[key] = json!(281_502_313_273_u64);
            assert_eq!(ApiCall::read(&event).unwrap().malformed, Some(key));
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
            assert_eq!(ApiCall::read(&denied(detail)).unwrap().malformed, Some(path));
        }
        // Of several, the one that is read first, wherever they stand.
        for (detail, path) in [
            (json!({"userIdentity": {"arn": 1}, "eventID": 1, "resources": 1}), "eventID"),
            (json!({"userIdentity": {"arn": 1}, "resources": ["x"]}), "resources"),
            (
                json!({"requestParameters": {"functionName": 1}, "userIdentity": {"userName": 1}}),
                "userIdentity.userName",
            ),
            (json!({"userIdentity": {"arn": 1, "sessionContext": {"sessionIssuer": 1}}}), "userIdentity.arn"),
        ] {
            assert_eq!(ApiCall::read(&denied(detail)).unwrap().malformed, Some(path));
        }
        // What is never read may have any form: `attributes` of an OIDC session is a map.
        let odd =
            json!({"userIdentity": {"sessionContext": {"webIdFederationData": {"attributes": {"a": [1]}}}}});
        assert_eq!(ApiCall::read(&denied(odd)).unwrap().malformed, None);
    }
}
