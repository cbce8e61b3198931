//! Unpacking of a batch: base64 of gzip, up to a limit.
//!
//! Anybody writes log lines, and gzip packs a thousand bytes into one. The type of `aws_lambda_events` is not used: it keeps
//! whatever is unpacked, without a limit.

use crate::text::one_line;
use flate2::bufread::MultiGzDecoder;
use std::io::Read;

/// The most bytes that are unpacked, and about the most memory that reading takes: the smallest function has 128 MB. The packed
/// bytes are at most [`MAX_PAYLOAD_BYTES`](crate::incoming::payload::MAX_PAYLOAD_BYTES).
const MAX_UNPACKED_BYTES: usize = 32 * 1024 * 1024;

/// The bytes of a batch, as far as they could be unpacked.
#[derive(Default)]
pub(super) struct Unpacked {
    /// Valid UTF-8.
    pub(super) bytes: Vec<u8>,
    /// Why there are no more bytes, if something was not unpacked.
    pub(super) damage: Option<String>,
}

impl Unpacked {
    /// Unpacks the text at `awslogs.data`.
    pub(super) fn from_data(data: &str) -> Self {
        let Ok(packed) = base64_simd::forgiving_decode_to_vec(data.as_bytes()) else {
            return Self { damage: Some("`awslogs.data` is not base64".to_owned()), ..Self::default() };
        };
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_UNPACKED_BYTES).unwrap_or(u64::MAX);
        // One byte above the limit shows that there is more.
        let end = MultiGzDecoder::new(packed.as_slice()).take(limit + 1).read_to_end(&mut bytes);
        let why = match end {
            Err(error) => Some(error.to_string()),
            Ok(_) if bytes.len() > MAX_UNPACKED_BYTES => {
                Some(format!("it is more than the {MAX_UNPACKED_BYTES} bytes that are read"))
            }
            Ok(_) => None,
        };
        bytes.truncate(MAX_UNPACKED_BYTES);
        replace_invalid_utf_8(&mut bytes);
        Self {
            bytes,
            damage: why.map(|why| format!("`awslogs.data` cannot be unpacked: {}", error_clause(&why))),
        }
    }
}

/// Returns the text of an error as a part of a clause.
pub(super) fn error_clause(error: &str) -> String {
    one_line(&error.replace('`', "'"), 128)
}

/// Replaces each byte that is not UTF-8 by a question mark, so that it costs one character of one line, and not the rest of the
/// batch.
fn replace_invalid_utf_8(bytes: &mut [u8]) {
    let mut rest = bytes;
    while let Err(error) = std::str::from_utf8(rest) {
        let (_, bad) = rest.split_at_mut(error.valid_up_to());
        let (bad, after) = bad.split_at_mut(error.error_len().unwrap_or(bad.len()));
        bad.fill(b'?');
        rest = after;
    }
}
