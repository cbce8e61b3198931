//! A certificate authority of our own, a server's certificate by it, and a bundle that trusts it among many others.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a server needs, and what its clients need.
pub(crate) struct Certificates {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) bundle: PathBuf,
    pub(crate) roots: usize,
}

impl Certificates {
    /// `public` is a bundle of the public authorities, as an operating system has one.
    pub(crate) fn new(public: &Path, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Not the default name, which the server's certificate has.
        authority.distinguished_name.push(DnType::CommonName, "The benchmark's authority");
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
        let key = PrivateKeyDer::try_from(key.serialize_der())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let text = fs::read_to_string(public)? + "\n" + &authority.pem();
        let bundle = folder.join("ca-bundle.crt");
        fs::write(&bundle, &text)?;
        let roots = text.matches("-----BEGIN CERTIFICATE-----").count();
        Ok(Self { server: Arc::new(server), bundle, roots })
    }
}
