//! The certificate authorities that AWS's endpoints are checked against: those of the machine.
//!
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` name others, as for OpenSSL. In Lambda it is the one bundle of Amazon Linux.

use memchr::memchr;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use std::path::PathBuf;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";
/// Few certificates are larger.
const CAPACITY: usize = 4_096;

/// Reads them.
///
/// A bundle is decoded here: the library's decoder takes constant time, which nothing public needs, and that was half of the
/// cold start. Whatever is no bundle is left to the library.
pub(crate) fn load() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    if let Some(text) = bundle().and_then(|path| std::fs::read(path).ok()) {
        roots.add_parsable_certificates(certificates(&text));
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

/// The certificates in a text; what is between them, or cannot be decoded, is passed over.
fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    let mut found = Vec::new();
    let mut open: Option<Vec<u8>> = None;
    let mut rest = pem;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(memchr(b'\n', rest).map_or(rest.len(), |end| end + 1));
        rest = after;
        match (line.trim_ascii_end(), &mut open) {
            (BEGIN, _) => open = Some(Vec::with_capacity(CAPACITY)),
            (END, Some(base64)) => {
                found.extend(base64_simd::STANDARD.decode_to_vec(&*base64).ok().map(CertificateDer::from));
                open = None;
            }
            (base64, Some(text)) => text.extend_from_slice(base64),
            (_, None) => {}
        }
    }
    found
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
        assert_eq!(
            certificates(pem.as_bytes()),
            [CertificateDer::from(vec![0, 1, 2, 3, 4]), vec![5, 6, 7].into()]
        );
        assert!(certificates(b"").is_empty());
    }
}
