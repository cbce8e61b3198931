//! Where the ledger is: a table's name or ARN.

use remediator_core::arn::{Arn, is_account};

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLocation {
    /// The table's name or ARN, as DynamoDB takes it.
    pub table: String,
    /// The region of the ARN; `None` for a name, whose table is in the function's own.
    pub region: Option<String>,
    /// For how many days records of grants and undos are kept.
    pub retention_days: u32,
}

impl LedgerLocation {
    /// Reads the name or the ARN of a table. `None` if `text` is neither.
    ///
    /// See <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.
    pub fn parse(text: &str, retention_days: u32) -> Option<Self> {
        let (name, region) = match Arn::parse(text) {
            Some(arn) => {
                let is_table = arn.service == "dynamodb" && !arn.region.is_empty() && is_account(arn.account);
                (arn.resource.strip_prefix("table/").filter(|_| is_table)?, Some(arn.region.to_owned()))
            }
            None => (text, None),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let is_valid = (3..=255).contains(&name.len()) && name.bytes().all(is_name);
        is_valid.then(|| Self { table: text.to_owned(), region, retention_days })
    }
}
