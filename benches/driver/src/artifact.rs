//! What is uploaded: a program's size as it is and as Lambda gets it.

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::Path;

/// What the zipped binary may have at most, in bytes.
pub(crate) const MOST_ZIPPED: usize = 3_500_000;

/// In bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Artifact {
    pub(crate) unzipped: usize,
    /// Deflated as hard as zip does it; an archive's own bytes are some 150 more.
    pub(crate) zipped: usize,
}

impl Artifact {
    /// Of one file.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let bytes = std::fs::read(path)?;
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        Ok(Self { unzipped: bytes.len(), zipped: encoder.finish()?.len() })
    }
}
