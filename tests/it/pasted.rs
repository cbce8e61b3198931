//! Texts of errors as SDKs and tools print them, each through the handler: whoever pastes one gets the grant that the
//! message asks for, and a text that is cut, mixed up or only looks like one gets nothing.

use crate::fake_aws::{Call, FakeAws, invoke};
use remediator_core::incoming::payload::Payload;
use remediator_core::incoming::{self, Event, Incoming};
use remediator_core::outcome::Outcome;
use serde_json::{Value, json};

const USER: &str = "arn:aws:iam::281502313273:user/remotion_user";
const SESSION: &str = "arn:aws:sts::281502313273:assumed-role/render-farm/job-42";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter";
const CLAUSE: &str = " because no identity-based policy allows the lambda:InvokeFunction action";

fn denied(who: &str, clause: &str) -> String {
    format!("User: {who} is not authorized to perform: lambda:InvokeFunction on resource: {FUNCTION}{clause}")
}

async fn paste(aws: &FakeAws, text: &str) -> Outcome {
    invoke(&aws.remediator(&[]), json!(text).to_string().as_bytes()).await.unwrap()
}

async fn told(text: &str) -> (String, Option<String>) {
    let outcome = json!(paste(&FakeAws::default(), text).await);
    (outcome["outcome"].as_str().unwrap().to_owned(), outcome["reason"].as_str().map(str::to_owned))
}

/// What each prints around the message, for which `<>` stands: by its documentation, or as it was seen (fuzz/corpus/error_text.md).
const PRINTED: [(&str, &str); 24] = [
    ("bare", "<>"),
    (
        "boto3",
        "botocore.errorfactory.AccessDeniedException: An error occurred (AccessDeniedException) when calling the Invoke operation: <>",
    ),
    ("aws cli", "\nAn error occurred (AccessDeniedException) when calling the Invoke operation: <>\n"),
    (
        "aws cli v2, coloured",
        "\u{1b}[31m\naws: [ERROR]: An error occurred (AccessDeniedException) when calling the Invoke operation: <>\u{1b}[0m\n",
    ),
    (
        "JavaScript v3",
        "AccessDeniedException: <>\n    at de_AccessDeniedExceptionRes (/app/node_modules/@aws-sdk/client-lambda/dist-cjs/index.js:2153:21)\n    at process.processTicksAndRejections (node:internal/process/task_queues:95:5) {\n  '$fault': 'client',\n  '$metadata': {\n    httpStatusCode: 403,\n    requestId: 'c8f3', attempts: 1, totalRetryDelay: 0\n  },\n  Message: '<>',\n  Type: 'User'\n}",
    ),
    (
        "Java v2",
        "software.amazon.awssdk.services.lambda.model.LambdaException: <> (Service: Lambda, Status Code: 403, Request ID: 7d1f-11) (SDK Attempt Count: 1)\n\tat software.amazon.awssdk.services.lambda.model.LambdaException$BuilderImpl.build(LambdaException.java:101)\n\tat com.example.allow.PolicyCheck.deny(PolicyCheck.java:7)",
    ),
    (
        "Java v1",
        "com.amazonaws.services.lambda.model.AWSLambdaException: <> (Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException; Request ID: 7d1f; Proxy: null)",
    ),
    (
        "Go v2",
        "2026/09/14 23:18:49 operation error Lambda: Invoke, https response error StatusCode: 403, RequestID: 7d1f, api error AccessDeniedException: <>\nexit status 1",
    ),
    (
        "Go v1, 1.55.6",
        "AccessDeniedException: <>\n\tstatus code: 403, request id: 7f715a45-c4e1-54e2-c694-be6e6424450a",
    ),
    (
        "Rust, Debug",
        "Error: ServiceError(ServiceError { source: Unhandled(Unhandled { source: ErrorMetadata { code: Some(\"AccessDeniedException\"), message: Some(\"<>\"), extras: Some({\"aws_request_id\": \"7d1f\"}) }, meta: ErrorMetadata { code: Some(\"AccessDeniedException\"), message: Some(\"<>\"), extras: None } }), raw: Response { status: StatusCode(403), headers: Headers { headers: {\"access-control-allow-origin\": HeaderValue { _private: H0(\"*\") }, \"x-amzn-errortype\": HeaderValue { _private: H0(\"AccessDeniedException\") }} }, body: SdkBody { inner: Once(Some(b\"{\\\"Message\\\":\\\"<>\\\"}\")), retryable: true }, extensions: Extensions { extensions_02x: Extensions, extensions_1x: Extensions } } })",
    ),
    (
        "Rust, DisplayErrorContext",
        "unhandled error (AccessDeniedException): Error { code: \"AccessDeniedException\", message: \"<>\", aws_request_id: \"7d1f\" } (ServiceError(ServiceError { source: Unhandled }))",
    ),
    (
        ".NET",
        "Unhandled exception. Amazon.Lambda.AmazonLambdaException: <>\n ---> Amazon.Runtime.Internal.HttpErrorResponseException: Exception of type 'Amazon.Runtime.Internal.HttpErrorResponseException' was thrown.\n   at Amazon.Runtime.HttpWebRequestMessage.GetResponseAsync(CancellationToken cancellationToken)",
    ),
    (
        "PHP",
        "PHP Fatal error:  Uncaught Aws\\Lambda\\Exception\\LambdaException: Error executing \"Invoke\" on \"https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/ffmpeg-clip-cutter/invocations\"; AWS HTTP error: Client error: `POST https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/ffmpeg-clip-cutter/invocations` resulted in a `403 Forbidden` response:\n{\"Message\":\"User: arn:aws:% (truncated...)\n AccessDeniedException (client): <> - {\"Message\":\"<>\"}",
    ),
    (
        "Ruby",
        "/usr/lib/ruby/aws-sdk-core/plugins/raise_response_errors.rb:17:in `call': <> (Aws::Lambda::Errors::AccessDeniedException)\n\tfrom /app/clip.rb:3:in `<main>'",
    ),
    (
        "Kotlin",
        "Exception in thread \"main\" aws.sdk.kotlin.services.lambda.model.LambdaException: <>, Request ID: 7d1f",
    ),
    (
        "Swift",
        "AWSClientRuntime.UnknownAWSHTTPServiceError(typeName: Optional(\"AccessDeniedException\"), message: Optional(\"<>\"), requestID: Optional(\"7d1f\"), requestID2: nil)",
    ),
    (
        "C++",
        "Error: Lambda::Invoke. HTTP response code: 403\nResolved remote host IP address: 192.0.2.1\nRequest ID: 7d1f\nException name: AccessDeniedException\nError message: <>\n6 response headers:",
    ),
    (
        "PowerShell",
        "Invoke-LMFunction : <>\r\nAt line:1 char:1\r\n+ Invoke-LMFunction -FunctionName ffmpeg-clip-cutter\r\n+ ~~~~~~~~~\r\n    + CategoryInfo          : InvalidOperation: (Amazon.PowerShe...MFunctionCmdlet:InvokeLMFunctionCmdlet) [Invoke-LMFunction], InvalidOperationException",
    ),
    (
        "Terraform",
        "\u{2577}\n\u{2502} Error: invoking Lambda Function (ffmpeg-clip-cutter): operation error Lambda: Invoke, https response error StatusCode: 403, RequestID: 7d1f, api error AccessDeniedException: <>\n\u{2502} \n\u{2502}   with data.aws_lambda_invocation.clip,\n\u{2502}   on main.tf line 1, in data \"aws_lambda_invocation\" \"clip\":\n\u{2575}",
    ),
    (
        "Step Functions",
        "{\"error\":\"Lambda.AWSLambdaException\",\"cause\":\"<> (Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException; Request ID: 7d1f; Proxy: null)\"}",
    ),
    (
        "a function's error, as JSON in JSON",
        "{\"Cause\":\"{\\\"errorMessage\\\":\\\"An error occurred (AccessDeniedException) when calling the Invoke operation: <>\\\",\\\"errorType\\\":\\\"ClientError\\\",\\\"stackTrace\\\":[\\\"  File \\\\\\\"/var/task/policy.py\\\\\\\", line 4, in allow\\\\n    deny()\\\\n\\\"]}\"}",
    ),
    (
        "CloudFormation",
        "Resource handler returned message: \"<> (Service: Lambda, Status Code: 403, Request ID: 7d1f) (SDK Attempt Count: 1)\" (RequestToken: 11, HandlerErrorCode: AccessDenied)",
    ),
    (
        "a logger",
        "2026-09-14T23:18:49.250Z\t7d1f\tERROR\tInvoke Error \t{\"errorType\":\"AccessDeniedException\",\"errorMessage\":\"<>\",\"name\":\"AccessDeniedException\",\"stack\":[\"AccessDeniedException: <>\",\"    at allow (/var/task/policy.js:1:1)\"]}",
    ),
    ("a chat", "> \u{201c}<>\u{201d}\n> who can help?"),
];

#[tokio::test(start_paused = true)]
async fn what_sdks_and_tools_print_is_read() {
    for (name, printed) in PRINTED {
        for (who, principal) in [(USER, USER), (SESSION, "arn:aws:iam::281502313273:role/render-farm")] {
            let text = |clause| printed.replace('%', "iam").replace("<>", &denied(who, clause));
            let outcome = json!(paste(&FakeAws::default(), &text(CLAUSE)).await);
            assert_eq!(outcome["outcome"], "granted", "{name}: {outcome:#}");
            assert_eq!(outcome["principal"], principal, "{name}");
            assert_eq!(outcome["function"], FUNCTION, "{name}");
            assert_eq!(outcome["source"], "manual", "{name}");
            // AWS's old form, whose end cannot be told from what follows: it names whom it names, and no function.
            let outcome = json!(paste(&FakeAws::default(), &text("")).await);
            assert_eq!(
                (&outcome["outcome"], &outcome["reason"], &outcome["principal"], &outcome["function"]),
                (&json!("refused"), &json!("untrusted_resource"), &json!(who), &Value::Null),
                "{name}: {outcome:#}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_sdks_and_tools_print_of_another_cause_is_refused() {
    for (name, printed) in PRINTED {
        for clause in [
            " with an explicit deny in a service control policy",
            " with an explicit deny in an identity-based policy: arn:aws:iam::281502313273:policy/x",
            " with an explicit deny",
            " because no permissions boundary allows the lambda:InvokeFunction action",
            " because no session policy allows the lambda:InvokeFunction action",
            " because the moon is full",
        ] {
            let text = printed.replace('%', "iam").replace("<>", &denied(USER, clause));
            let refused = ("refused".to_owned(), Some("not_identity_based".to_owned()));
            assert_eq!(told(&text).await, refused, "{name}{clause}");
        }
    }
}

/// Somebody who breaks a message over several lines, as terminals and mails do, changes nothing; somebody who breaks or
/// cuts an ARN gets nothing.
#[tokio::test(start_paused = true)]
async fn a_text_that_was_wrapped_or_cut() {
    let text = denied(USER, CLAUSE);
    for wrapped in [text.replace(' ', "\n"), text.replace(' ', "\n> "), text.replace(' ', "\u{a0}")] {
        assert_eq!(told(&wrapped).await.0, "granted", "{wrapped}");
    }
    for (at, _) in text.char_indices().skip(1) {
        let (head, tail) = text.split_at(at);
        let is_between_words = head.ends_with(' ') || tail.starts_with(' ');
        let (outcome, _) = told(&format!("{head}\n{tail}")).await;
        assert_eq!(outcome == "granted", is_between_words, "{head}|{tail}");
        for cut in [format!("{head}..."), format!("{head}\u{2026}"), format!("{head} (truncated...)")] {
            assert_ne!(told(&cut).await.0, "granted", "{cut}");
        }
    }
    // In the old form nothing follows the function's name, so that the rest of a broken one may be on the next line.
    let old = denied(USER, "");
    for end in 1.."ffmpeg-clip-cutter".len() {
        let (head, tail) = old.split_at(old.len() - end);
        assert_ne!(told(&format!("{head}\n{tail}")).await.0, "granted", "{head}|{tail}");
    }
}

/// What a program cut off before it printed it, or behind the quotes, must not name something shorter.
#[tokio::test(start_paused = true)]
async fn a_function_is_not_granted_by_the_beginning_of_its_name() {
    let text = denied(USER, "");
    for behind in [
        "...",
        "..",
        "\u{2026}",
        "...\"}",
        "\n...",
        "\"...",
        " [...]",
        " (45 more characters)",
        " [truncated 45 chars]",
        " [output cut]",
        " (see more)",
        "\n> -two",
        "\n\u{2502} -two",
        "\n\n-two",
        "\n    -two (Service: AWSLambda)",
    ] {
        let (outcome, _) = told(&format!("{text}{behind}")).await;
        assert_eq!(outcome, "refused", "{behind}");
    }
    let whole = denied(USER, CLAUSE);
    for behind in [
        "",
        ".",
        "\"",
        ")",
        "]",
        "</Message>",
        ", fn=x",
        "; fn=x",
        "\"}",
        " (Service: Lambda, Status Code: 403)",
        "...",
        "[ERROR] 2026-09-14 clip 1 failed",
        ": Invoke should return no error",
    ] {
        let not_whole = Some("untrusted_resource".to_owned());
        assert_eq!(told(&format!("({text}{behind}")).await, ("refused".to_owned(), not_whole), "{behind}");
        assert_eq!(told(&format!("({whole}{behind}")).await.0, "granted", "{behind}");
    }
    let late = format!("{}\nwith an explicit deny in a service control policy", denied(USER, CLAUSE));
    assert_eq!(told(&late).await.1.as_deref(), Some("not_identity_based"));
}

#[tokio::test(start_paused = true)]
async fn what_json_writers_escape_is_read() {
    let text = denied(USER, CLAUSE);
    for escaped in [text.replace('/', "\\/"), text.replace('_', "\\u005f"), text.replace('_', "\\\\u005F")] {
        assert_eq!(told(&format!("{{\"m\":\"{escaped}\"}}")).await.0, "granted", "{escaped}");
    }
}

#[tokio::test(start_paused = true)]
async fn several_denials_in_one_text_are_none() {
    let user = denied(USER, CLAUSE);
    let other = user.replace("remotion_user", "somebody");
    for text in [
        format!("{user}\n{other}"),
        format!("{other} {user}"),
        format!("{user}\n{}", user.replace("cutter", "mixer")),
        format!("{user}\n{}", denied(USER, " with an explicit deny in a session policy")),
        format!("{}{other}", format!("{user}\n").repeat(64)),
        // One that is cut says no more than another, unless it is its beginning.
        format!("{}... {user}", other.split(" because").next().unwrap()),
    ] {
        assert_eq!(
            told(&text).await,
            ("refused".to_owned(), Some("contradictory_event".to_owned())),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_names_somebody_else_first_is_about_whom_the_sentence_names() {
    let (aws, other) = (FakeAws::default(), "arn:aws:iam::281502313273:user/media/eu/remotion_user_eu");
    let text = format!("[{other}] caller {other}: request of User {other} failed: {}", denied(USER, CLAUSE));
    let outcome = paste(&aws, &text).await;
    assert_eq!(outcome.principal.as_deref(), Some(USER));
    assert_eq!(aws.policy("user/remotion_user_eu"), None);
}

/// The path that a text claims is not believed: IAM is asked whom it holds under the name.
#[tokio::test(start_paused = true)]
async fn who_a_text_names_is_asked_of_iam() {
    let listed = "arn:aws:iam::281502313273:user/media/eu/remotion_user_eu";
    let aws = FakeAws::default();
    let outcome = json!(paste(&aws, &denied(listed, CLAUSE)).await);
    assert_eq!(
        (&outcome["outcome"], &outcome["reason"]),
        (&json!("refused"), &json!("contradictory_event")),
        "{outcome:#}"
    );
    assert_eq!(aws.calls(), [Call::Identify { principal: "user/remotion_user_eu".to_owned() }]);
    let of = |aws: &FakeAws, name: &str, arn: &str| {
        aws.0.lock().unwrap().arns.insert(name.to_owned(), arn.to_owned());
    };
    of(&aws, "user/remotion_user_eu", listed);
    assert_eq!(json!(paste(&aws, &denied(listed, CLAUSE)).await)["outcome"], "granted");

    // A role's path is nowhere in the text.
    let session = "arn:aws:sts::281502313273:assumed-role/encoder/job";
    let aws = FakeAws::default();
    let outcome = json!(paste(&aws, &denied(session, CLAUSE)).await);
    assert_eq!(outcome["reason"], "not_allowlisted");
    assert_eq!(outcome["principal"], "arn:aws:iam::281502313273:role/encoder");
    let path = "arn:aws:iam::281502313273:role/service/render/encoder";
    of(&aws, "role/encoder", path);
    let outcome = json!(paste(&aws, &denied(session, CLAUSE)).await);
    assert_eq!((&outcome["outcome"], &outcome["principal"]), (&json!("granted"), &json!(path)));
    of(&aws, "role/encoder", "arn:aws:iam::281502313273:role/aws-reserved/sso.amazonaws.com/encoder");
    assert_eq!(json!(paste(&aws, &denied(session, CLAUSE)).await)["reason"], "protected_role");
}

/// Nobody is looked up whom no rule can admit, whatever their path: a stranger's text costs no call to IAM.
#[tokio::test(start_paused = true)]
async fn whom_no_rule_can_admit_is_not_looked_up() {
    let role = |name: &str| format!("arn:aws:sts::281502313273:assumed-role/{name}/job");
    for (who, reason) in [
        (role("lambda-invoke-remediator"), "own_role"),
        (role("Lambda-Invoke-Remediator"), "own_role"),
        (role("AWSServiceRoleForSupport"), "protected_role"),
        ("arn:aws:iam::281502313273:user/mallory".to_owned(), "not_allowlisted"),
        ("arn:aws:iam::281502313273:user/analytics".to_owned(), "notify_only"),
        ("arn:aws:iam::281502313273:root".to_owned(), "unsupported_principal"),
        ("arn:aws:sts::281502313273:federated-user/x".to_owned(), "unsupported_principal"),
        ("anonymous".to_owned(), "unsupported_principal"),
        ("arn:aws:iam::111122223333:user/remotion_user".to_owned(), "other_account"),
        ("arn:aws:sts::111122223333:assumed-role/render-farm/job".to_owned(), "other_account"),
        ("arn:aws-cn:iam::281502313273:user/remotion_user".to_owned(), "other_account"),
    ] {
        assert_is_refused_unasked(&denied(&who, CLAUSE), reason).await;
    }
    let private = denied(SESSION, CLAUSE).replace("ffmpeg-clip-cutter", "payroll");
    assert_is_refused_unasked(&private, "not_allowlisted").await;
    let shop = denied(&role("checkout"), CLAUSE).replace("ffmpeg-clip-cutter", "price-quote");
    assert_is_refused_unasked(&shop.replace("281502313273:assumed", "281502313274:assumed"), "other_account")
        .await;
    assert_is_refused_unasked(&shop.replace("role/checkout", "role/checkout2"), "not_allowlisted").await;
}

async fn assert_is_refused_unasked(text: &str, reason: &str) {
    let aws = FakeAws::default();
    let outcome = json!(paste(&aws, text).await);
    assert_eq!((&outcome["outcome"], &outcome["reason"]), (&json!("refused"), &json!(reason)), "{text}");
    assert_eq!(aws.calls(), [], "{text}");
    assert_eq!(aws.published().len(), 1, "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_iam_says_of_the_caller_ends_as_anywhere() {
    let session = denied(SESSION, CLAUSE);
    let aws = FakeAws::default();
    aws.fail("GetRole", "NoSuchEntity", "no such role");
    assert_eq!(json!(paste(&aws, &session).await)["reason"], "no_such_principal");
    for (code, expected) in [("AccessDenied", "IamAccessDenied"), ("ServiceFailure", "IamCallFailed")] {
        let aws = FakeAws::default();
        aws.fail("GetRole", code, "no");
        let error = invoke(&aws.remediator(&[]), json!(session).to_string().as_bytes()).await.unwrap_err();
        assert_eq!(error.code(), expected);
        assert_eq!(aws.puts(), 0);
    }
}

/// Of a storm of one text, nearly all are answered from memory.
#[tokio::test(start_paused = true)]
async fn a_storm_of_one_text_asks_iam_once() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[]);
    for who in [USER, SESSION] {
        let text = json!(denied(who, CLAUSE)).to_string();
        let calls = aws.calls().len();
        for _ in 0..200 {
            invoke(&remediator, text.as_bytes()).await.unwrap();
        }
        let asked = aws.calls()[calls..].iter().filter(|call| matches!(call, Call::Identify { .. })).count();
        assert!(asked <= 2, "{who}: {asked}");
    }
    assert_eq!(aws.published().len(), 2);
}

/// What is left of a name that was cut off is never granted, whatever a list admits: no prefix of a whole text, and no text
/// wrapped anew, at hyphens too, grants anything but the one function.
#[test]
fn no_prefix_and_no_wrapped_text_grants_another_function() {
    for text in whole_texts() {
        assert_eq!(granted(&text), [FUNCTION], "{text}");
        for (end, _) in text.char_indices() {
            assert_grants_nothing_else(&text[..end]);
        }
        for width in 20..=200 {
            for (margin, behind) in
                [("", ""), ("    ", ""), ("> ", ""), ("│ ", " │"), ("12:07:04  ", ""), ("# ", "")]
            {
                assert_grants_nothing_else(&wrapped(&text, width, margin, behind));
            }
        }
    }
}

/// The texts that are tried, each with the sentence of one denial: as it is, and in what others put around it.
fn whole_texts() -> Vec<String> {
    let sentence = denied(USER, CLAUSE);
    let printed = PRINTED.iter().map(|(_, printed)| printed.replace('%', "iam"));
    let once = printed.filter(|printed| !printed.contains("(truncated"));
    once.map(|printed| printed.replace("<>", &sentence)).collect()
}

fn assert_grants_nothing_else(text: &str) {
    assert!(granted(text).iter().all(|function| function == FUNCTION), "{text}");
}

/// The functions that would be granted, if the list admitted all.
fn granted(text: &str) -> Vec<String> {
    match incoming::read(&Payload::Json(json!(text))) {
        Incoming::Event(Event::Denial(denial)) if denial.cause().is_curable() => {
            assert_eq!(denial.caller().arn().as_deref(), Some(USER), "{text}");
            vec![denial.function().to_string()]
        }
        Incoming::Event(_) | Incoming::Lines(_) => Vec::new(),
    }
}

/// Breaks lines at spaces and behind hyphens, and within a word that is longer than a line.
fn wrapped(text: &str, width: usize, margin: &str, behind: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut rest: Vec<char> = line.chars().collect();
        while rest.len() > width {
            let place =
                rest[..width].iter().rposition(|next| " -".contains(*next)).map_or(width, |place| place + 1);
            let tail = rest.split_off(place);
            lines.push(rest.into_iter().collect::<String>());
            rest = tail;
        }
        lines.push(rest.into_iter().collect());
    }
    let lines = lines.iter().map(|line| format!("{margin}{:<width$}{behind}", line.trim_end()));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is broken or cut is told as that, and never with a name or an action that the text does not hold whole.
#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_is_true() {
    let whole = denied(USER, CLAUSE);
    for (text, principal) in [
        (whole.replace("ffmpeg-clip", "ffmpeg-\nclip"), Some(USER)),
        (whole.replace("perform: ", "perform:  pyapps.py:63\n   "), Some(USER)),
        (whole.replace("perform: ", "perform:  app:main\n   "), Some(USER)),
        (whole.replace("remotion_user", "remotion\n_user"), None),
        (denied(USER, ""), Some(USER)),
        (denied(USER, " because no identity-based pol"), Some(USER)),
        (denied(USER, " with an expl"), Some(USER)),
        (whole.replace("ffmpeg-clip-cutter", "ffmpeg...cutter"), Some(USER)),
        (whole.replace("user/remotion_user", "user/..."), None),
        (whole.to_uppercase(), None),
        (whole.to_lowercase(), None),
        (whole.replace("is not", "s not"), None),
        (whole.replace(' ', "%20").replace(':', "%3A"), None),
    ] {
        let aws = FakeAws::default();
        let outcome = json!(paste(&aws, &text).await);
        assert_eq!(
            (&outcome["outcome"], &outcome["reason"]),
            (&json!("refused"), &json!("untrusted_resource")),
            "{text}: {outcome:#}"
        );
        assert_eq!(outcome["function"], Value::Null, "{text}");
        assert!(
            outcome["principal"].is_null() || outcome["principal"].as_str() == principal,
            "{text}: {outcome:#}"
        );
        let summary = outcome["summary"].as_str().unwrap();
        assert!(
            !summary.contains("ffmpeg") && !summary.contains("py:63") && !summary.contains("app:main"),
            "{summary}"
        );
        assert!(aws.published()[0].bodies["email"].contains("Hand in the whole text"), "{text}");
    }
    // The words are there, and broken: it cannot be told which layer it was.
    let broken = whole.replace("identity-based", "identity-\n      based");
    let outcome = json!(paste(&FakeAws::default(), &broken).await);
    assert_eq!(
        (&outcome["reason"], &outcome["deniedBy"]),
        (&json!("not_identity_based"), &json!("unstated"))
    );
    assert!(outcome["summary"].as_str().unwrap().contains("cannot be read"), "{outcome:#}");
}

/// Copies that a program cut off, or dressed otherwise, are no other denial; other functions and reasons are.
#[tokio::test(start_paused = true)]
async fn one_denial_in_several_dresses_is_one() {
    let whole = denied(USER, CLAUSE);
    let session = |name: &str| {
        whole.replace(USER, &format!("arn:aws:sts::281502313273:assumed-role/render-farm/{name}"))
    };
    for copies in [
        format!("{}: ClientError\n{whole}", denied(USER, "")),
        format!("{whole}\nmsg = '{}...'", &whole[..120]),
        format!("{whole}\nmsg = '{}...{}'", &whole[..90], &whole[150..]),
        format!("'{}'+79,\n{whole}", &whole[..150]),
        format!("{}\n{whole} (Service: Lambda)", whole.replace(FUNCTION, &format!("{FUNCTION}:live"))),
        format!("{}\n{whole}", wrapped(&whole, 40, "      ", "")),
        format!("{}\n{}", session("one"), session("two")),
        format!("at deny (policy.js:1)\n{whole}\n{whole}\n"),
    ] {
        assert_eq!(told(&copies).await.0, "granted", "{copies}");
    }
    for other in [
        denied(USER, "").replace("cutter", "mixer"),
        denied(USER, "").replace("-cutter", ""),
        format!("msg = '{}...'", &whole.replace("remotion", "promotion")[..120]),
        denied(USER, " with an explicit deny"),
        whole.replace("clip", "film"),
    ] {
        let (outcome, _) = told(&format!("{other}\n{whole}")).await;
        assert_eq!(outcome, "refused", "{other}");
    }
}
