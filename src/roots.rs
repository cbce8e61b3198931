//! The certificate authorities that AWS's endpoints are checked against: those of the machine.
//!
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` name others, as for OpenSSL. In Lambda it is the one bundle of Amazon Linux.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// Reads them.
///
/// A bundle is decoded here: the library's decoder takes constant time, which nothing public needs, and that was half of the
/// cold start. Whatever is no bundle is left to the library.
pub(crate) fn load() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    if let Some(file) = bundle().and_then(|path| File::open(path).ok()) {
        // One that is no certificate is passed over, as the library does it.
        let read = certificates(BufReader::new(file), |certificate| drop(roots.add(certificate)));
        if let Err(error) = read {
            tracing::warn!(%error, "the bundle of certificate authorities could not be read to its end");
        }
    }
    if roots.is_empty() {
        let found = rustls_native_certs::load_native_certs();
        let (valid, invalid) = roots.add_parsable_certificates(found.certs);
        if valid == 0 {
            tracing::warn!(invalid, errors = ?found.errors, "there is no certificate authority to trust");
        }
    }
    roots
}

/// The file, where there is one and no directory is asked for.
fn bundle() -> Option<PathBuf> {
    if std::env::var_os("SSL_CERT_DIR").is_some() {
        return None;
    }
    match std::env::var_os("SSL_CERT_FILE") {
        Some(path) => Some(path.into()),
        None => openssl_probe::probe().cert_file,
    }
}

/// Gives the certificates in a text one by one, so that neither they nor the text are in memory at once. What is between
/// them, or cannot be decoded, is passed over.
fn certificates(mut pem: impl BufRead, mut found: impl FnMut(CertificateDer<'_>)) -> io::Result<()> {
    let (mut line, mut base64, mut der, mut is_open) = (Vec::new(), Vec::new(), Vec::new(), false);
    while pem.read_until(b'\n', &mut line)? > 0 {
        match line.trim_ascii_end() {
            BEGIN => {
                base64.clear();
                is_open = true;
            }
            END if is_open => {
                is_open = false;
                der.clear();
                if base64_simd::STANDARD.decode_append(&base64, &mut der).is_ok() {
                    found(CertificateDer::from(der.as_slice()));
                }
            }
            text if is_open => base64.extend_from_slice(text),
            _ => {}
        }
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_with_texts_and_broken_parts() {
        let pem = "# Amazon Root \u{e9}\n-----BEGIN CERTIFICATE-----\nAAEC\nAwQ=\n-----END CERTIFICATE-----\n\n\
            -----BEGIN CERTIFICATE-----\nAA*C\nAwQ=\n-----END CERTIFICATE-----\n\
            -----BEGIN CERTIFICATE-----\nAAEC\n-----BEGIN CERTIFICATE-----\r\nBQYH\r\n-----END CERTIFICATE-----\r\n\
            -----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAAEC";
        let all = |pem: &str| {
            let mut all = Vec::new();
            certificates(pem.as_bytes(), |certificate| all.push(certificate.to_vec())).unwrap();
            all
        };
        assert_eq!(all(pem), [vec![0, 1, 2, 3, 4], vec![5, 6, 7]]);
        assert!(all("").is_empty());
    }
}
