//! The core has no async runtime, no TLS and no AWS SDK among its dependencies.

use std::process::Command;

const FORBIDDEN: [&str; 6] = ["aws-config", "aws-types", "hyper", "lambda_runtime", "rustls", "tokio"];
const FORBIDDEN_PREFIXES: [&str; 2] = ["aws-sdk-", "aws-smithy-"];

#[test]
fn the_core_depends_on_nothing_that_acts() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "remediator-core", "--edges", "normal", "--prefix", "none"])
        .args(["--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"remediator-core") && names.contains(&"serde_json"), "{tree}");
    let is_forbidden = |name: &&str| {
        FORBIDDEN.contains(name) || FORBIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    let forbidden: Vec<_> = names.into_iter().filter(is_forbidden).collect();
    assert!(forbidden.is_empty(), "remediator-core depends on {forbidden:?}");
}
