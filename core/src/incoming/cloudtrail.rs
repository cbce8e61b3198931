//! CloudTrail's record of one call, in EventBridge's envelope or by itself, with every field optional.
//!
//! It repeats, it does not judge: what the fields mean together is [`claim`](crate::incoming::claim)'s business.
//!
//! See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html> and
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use serde_json::{Map, Value};

use crate::text::one_line;

/// What EventBridge's envelope says of a CloudTrail record.
const DETAIL_TYPE: &str = "AWS API Call via CloudTrail";
const SOURCE: &str = "aws.lambda";
const EVENT_SOURCE: &str = "lambda.amazonaws.com";
/// CloudTrail's names of the calls that IAM authorizes as `lambda:InvokeFunction`.
const EVENT_NAMES: [&str; 3] = ["Invoke", "InvokeAsync", "InvokeWithResponseStream"];
/// Nothing that merely contains the word: `KMSAccessDeniedException` concerns the function's own role.
const ERROR_CODES: [&str; 2] = ["AccessDenied", "AccessDeniedException"];

/// One call as CloudTrail recorded it and EventBridge delivered it. Texts are the event's own, empty ones left out, and
/// stay where they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiCall<'a> {
    /// The envelope's `account`.
    pub envelope_account: Option<&'a str>,
    /// The envelope's `region`.
    pub envelope_region: Option<&'a str>,
    /// `recipientAccountId`: the account whose trail recorded the call.
    pub recipient_account: Option<&'a str>,
    /// `awsRegion`.
    pub aws_region: Option<&'a str>,
    /// `eventID`, CloudTrail's; the envelope's `id` is another.
    pub event_id: Option<&'a str>,
    /// `eventTime`, in the text's own form (RFC 3339).
    pub event_time: Option<&'a str>,
    /// `sourceIPAddress`: an address, or the name of an AWS service.
    pub source_ip_address: Option<&'a str>,
    /// `userAgent`, chosen by the caller.
    pub user_agent: Option<&'a str>,
    /// `errorMessage`.
    pub error_message: Option<&'a str>,
    /// `userIdentity`.
    pub identity: UserIdentity<'a>,
    /// `requestParameters.functionName`.
    pub function_name: Option<&'a str>,
    /// `resources`, those of the type `AWS::Lambda::Function` or of no type.
    pub resources: Vec<RecordedResource<'a>>,
    /// The first field that is there, and not null, in a form that CloudTrail does not write.
    pub malformed: Option<&'static str>,
}

/// CloudTrail's `userIdentity`.
///
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserIdentity<'a> {
    /// `type`: `IAMUser`, `AssumedRole`, `Root`, ...
    pub kind: Option<&'a str>,
    /// `arn`: of the user, or of the role's session.
    pub arn: Option<&'a str>,
    /// `accountId`.
    pub account: Option<&'a str>,
    /// `userName`: of a user.
    pub user_name: Option<&'a str>,
    /// `sessionContext.sessionIssuer.type`.
    pub issuer_kind: Option<&'a str>,
    /// `sessionContext.sessionIssuer.arn`: the role's own ARN, path included.
    pub issuer_arn: Option<&'a str>,
    /// `sessionContext.sessionIssuer.accountId`.
    pub issuer_account: Option<&'a str>,
    /// `sessionContext.sessionIssuer.userName`: the role's friendly name.
    pub issuer_name: Option<&'a str>,
}

/// One entry of CloudTrail's `resources`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordedResource<'a> {
    /// `ARN`, never with a qualifier.
    pub arn: Option<&'a str>,
    /// `accountId`.
    pub account: Option<&'a str>,
}

/// A payload that is no record of a denied invoke, and what could be told of it all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtherEvent<'a> {
    /// What is missing or different, for a person.
    pub why: String,
    /// What was read before that was known.
    pub call: ApiCall<'a>,
    /// Whether it is a record of CloudTrail all the same.
    pub is_of_cloudtrail: bool,
}

impl<'a> ApiCall<'a> {
    /// Reads the record of a denied invoke out of EventBridge's event, or by itself, as CloudTrail's log files hold it.
    pub fn read(event: &'a Value) -> Result<Self, Box<OtherEvent<'a>>> {
        if let Some(record) = bare_record(event) {
            let (call, kind) = read_record(Some(record), FieldReader::default());
            return kind.told_apart(call);
        }
        let [account, region, source, detail_type, detail] =
            some_of(event.as_object(), ["account", "region", "source", "detail-type", "detail"]);
        let (Some(Value::String(source)), Some(Value::String(detail_type)), Some(detail)) =
            (source, detail_type, detail)
        else {
            return Err(OtherEvent::new(why_no_envelope(event)));
        };
        let mut form = FieldReader::default();
        let envelope_account = form.text(account, "account");
        let envelope_region = form.text(region, "region");
        let (call, kind) = read_record(detail.as_object(), form);
        let call = Self { envelope_account, envelope_region, ..call };
        let why = if (source.as_str(), detail_type.as_str()) != (SOURCE, DETAIL_TYPE) {
            "it is not an `AWS API Call via CloudTrail` of `aws.lambda`"
        } else if !detail.is_object() {
            "its `detail` is not a record of CloudTrail"
        } else {
            return kind.told_apart(call);
        };
        let is_of_cloudtrail = detail_type == DETAIL_TYPE;
        Err(Box::new(OtherEvent { why: why.to_owned(), call, is_of_cloudtrail }))
    }

    /// The fields that state the account that recorded the call.
    pub(crate) fn accounts(&self) -> [(&'static str, Option<&'a str>); 2] {
        [
            ("the envelope's `account`", self.envelope_account),
            ("`recipientAccountId`", self.recipient_account),
        ]
    }

    /// The fields that state the region of the call.
    pub(crate) fn regions(&self) -> [(&'static str, Option<&'a str>); 2] {
        [("the envelope's `region`", self.envelope_region), ("`awsRegion`", self.aws_region)]
    }
}

impl OtherEvent<'_> {
    fn new(why: String) -> Box<Self> {
        Box::new(Self { why, ..Self::default() })
    }
}

/// A record of Lambda's without an envelope.
fn bare_record(event: &Value) -> Option<&Map<String, Value>> {
    let fields = event.as_object()?;
    let is_enveloped = ["detail", "detail-type"].iter().any(|key| fields.contains_key(*key));
    let is_record = fields.get("eventSource").is_some_and(|source| source == EVENT_SOURCE);
    (is_record && !is_enveloped).then_some(fields)
}

/// What an event that is no envelope lacks, or has in another form.
fn why_no_envelope(event: &Value) -> String {
    let Value::Object(fields) = event else {
        return "it is not a JSON object".to_owned();
    };
    // What nobody reads may have any form.
    let is_read = |(key, _): &(&String, &Value)| ["source", "detail-type", "detail"].contains(&key.as_str());
    let read: Map<_, _> =
        fields.iter().filter(is_read).map(|(key, value)| (key.clone(), value.clone())).collect();
    let error = serde_json::from_value::<EventBridgeEvent>(Value::Object(read)).err();
    let error = error.map(|error| error.to_string()).unwrap_or_default();
    format!("it is not an EventBridge event: {}", one_line(&error.replace('`', "'"), 128))
}

/// The fields by which a record is told to be that of a denied invoke.
struct Kind<'a> {
    event_source: Option<&'a str>,
    event_name: Option<&'a str>,
    error_code: Option<&'a str>,
}

impl Kind<'_> {
    /// The call, if it is a denied invoke; otherwise why it is not.
    fn told_apart<'a>(&self, call: ApiCall<'a>) -> Result<ApiCall<'a>, Box<OtherEvent<'a>>> {
        let is_one_of = |text: Option<&str>, known: &[&str]| text.is_some_and(|text| known.contains(&text));
        let why = if !is_one_of(self.event_source, &[EVENT_SOURCE]) {
            "its `eventSource` is not Lambda"
        } else if !is_one_of(self.event_name, &EVENT_NAMES) {
            "its `eventName` is not an invoke"
        } else if !is_one_of(self.error_code, &ERROR_CODES) {
            "its `errorCode` does not say that access was denied"
        } else {
            return Ok(call);
        };
        Err(Box::new(OtherEvent { why: why.to_owned(), call, is_of_cloudtrail: true }))
    }
}

/// The values in CloudTrail's record that are read, in whatever form.
#[derive(Default)]
struct RecordFields<'a> {
    event_source: Option<&'a Value>,
    event_name: Option<&'a Value>,
    error_code: Option<&'a Value>,
    recipient_account: Option<&'a Value>,
    aws_region: Option<&'a Value>,
    event_id: Option<&'a Value>,
    event_time: Option<&'a Value>,
    source_ip_address: Option<&'a Value>,
    user_agent: Option<&'a Value>,
    error_message: Option<&'a Value>,
    identity: Option<&'a Value>,
    parameters: Option<&'a Value>,
    resources: Option<&'a Value>,
}

impl<'a> RecordFields<'a> {
    /// Going through a record once is quicker than looking for each field.
    fn of(record: &'a Map<String, Value>) -> Self {
        let mut fields = Self::default();
        for (name, value) in record {
            let field = match name.as_str() {
                "eventSource" => &mut fields.event_source,
                "eventName" => &mut fields.event_name,
                "errorCode" => &mut fields.error_code,
                "recipientAccountId" => &mut fields.recipient_account,
                "awsRegion" => &mut fields.aws_region,
                "eventID" => &mut fields.event_id,
                "eventTime" => &mut fields.event_time,
                "sourceIPAddress" => &mut fields.source_ip_address,
                "userAgent" => &mut fields.user_agent,
                "errorMessage" => &mut fields.error_message,
                "userIdentity" => &mut fields.identity,
                "requestParameters" => &mut fields.parameters,
                "resources" => &mut fields.resources,
                _ => continue,
            };
            *field = Some(value);
        }
        fields
    }
}

/// Reads CloudTrail's record. The order of the fields decides which of those in a strange form is named.
fn read_record<'a>(record: Option<&'a Map<String, Value>>, mut form: FieldReader) -> (ApiCall<'a>, Kind<'a>) {
    let fields = record.map(RecordFields::of).unwrap_or_default();
    let kind = Kind {
        event_source: form.text(fields.event_source, "eventSource"),
        event_name: form.text(fields.event_name, "eventName"),
        error_code: form.text(fields.error_code, "errorCode"),
    };
    let call = ApiCall {
        recipient_account: form.text(fields.recipient_account, "recipientAccountId"),
        aws_region: form.text(fields.aws_region, "awsRegion"),
        event_id: form.text(fields.event_id, "eventID"),
        event_time: form.text(fields.event_time, "eventTime"),
        source_ip_address: form.text(fields.source_ip_address, "sourceIPAddress"),
        user_agent: form.text(fields.user_agent, "userAgent"),
        error_message: form.text(fields.error_message, "errorMessage"),
        ..ApiCall::default()
    };
    let identity = form.object(fields.identity, "userIdentity");
    let parameters = form.object(fields.parameters, "requestParameters");
    let resources = read_resources(fields.resources, &mut form);
    let identity = read_identity(identity, &mut form);
    let [function_name] = some_of(parameters, ["functionName"]);
    let function_name = form.text(function_name, "requestParameters.functionName");
    (ApiCall { identity, function_name, resources, malformed: form.malformed, ..call }, kind)
}

fn read_identity<'a>(identity: Option<&'a Map<String, Value>>, form: &mut FieldReader) -> UserIdentity<'a> {
    let [session, kind, arn, account, user_name] =
        some_of(identity, ["sessionContext", "type", "arn", "accountId", "userName"]);
    let session = form.object(session, "userIdentity.sessionContext");
    let user = UserIdentity {
        kind: form.text(kind, "userIdentity.type"),
        arn: form.text(arn, "userIdentity.arn"),
        account: form.text(account, "userIdentity.accountId"),
        user_name: form.text(user_name, "userIdentity.userName"),
        ..UserIdentity::default()
    };
    let [issuer] = some_of(session, ["sessionIssuer"]);
    let issuer = form.object(issuer, "userIdentity.sessionContext.sessionIssuer");
    let [kind, arn, account, user_name] = some_of(issuer, ["type", "arn", "accountId", "userName"]);
    UserIdentity {
        issuer_kind: form.text(kind, "userIdentity.sessionContext.sessionIssuer.type"),
        issuer_arn: form.text(arn, "userIdentity.sessionContext.sessionIssuer.arn"),
        issuer_account: form.text(account, "userIdentity.sessionContext.sessionIssuer.accountId"),
        issuer_name: form.text(user_name, "userIdentity.sessionContext.sessionIssuer.userName"),
        ..user
    }
}

/// The functions among `resources`.
fn read_resources<'a>(resources: Option<&'a Value>, form: &mut FieldReader) -> Vec<RecordedResource<'a>> {
    const PATH: &str = "resources";
    let entries = match resources {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            form.mark_malformed(PATH);
            return Vec::new();
        }
    };
    let mut functions = Vec::new();
    for entry in entries {
        let Value::Object(entry) = entry else {
            form.mark_malformed(PATH);
            continue;
        };
        let [kind, arn, account] = some_of(Some(entry), ["type", "ARN", "accountId"]);
        let kind = form.text(kind, "resources.type");
        let function = RecordedResource {
            arn: form.text(arn, "resources.ARN"),
            account: form.text(account, "resources.accountId"),
        };
        if kind.is_none_or(|kind| kind == "AWS::Lambda::Function") {
            functions.push(function);
        }
    }
    functions
}

/// The values of a few keys, in one go through the object.
fn some_of<'a, const N: usize>(
    object: Option<&'a Map<String, Value>>,
    keys: [&str; N],
) -> [Option<&'a Value>; N] {
    let mut values = [None; N];
    let Some(object) = object else { return values };
    for (name, value) in object {
        for (key, slot) in keys.iter().zip(&mut values) {
            if key.len() == name.len() && *key == name {
                *slot = Some(value);
                break;
            }
        }
    }
    values
}

/// Reads fields leniently, and records the first malformed one.
#[derive(Default)]
struct FieldReader {
    malformed: Option<&'static str>,
}

impl FieldReader {
    fn mark_malformed(&mut self, path: &'static str) {
        self.malformed.get_or_insert(path);
    }

    /// A text, unless it is missing, null or empty.
    fn text<'a>(&mut self, value: Option<&'a Value>, path: &'static str) -> Option<&'a str> {
        match value {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.as_str()).filter(|text| !text.is_empty()),
            Some(_) => {
                self.mark_malformed(path);
                None
            }
        }
    }

    /// An object, unless it is missing or null.
    fn object<'a>(&mut self, value: Option<&'a Value>, path: &'static str) -> Option<&'a Map<String, Value>> {
        match value {
            None | Some(Value::Null) => None,
            Some(Value::Object(fields)) => Some(fields),
            Some(_) => {
                self.mark_malformed(path);
                None
            }
        }
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
