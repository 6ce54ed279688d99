//! The certificate that the server shows, read again on SIGHUP.

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A certificate and its key, replaced while connections go on.
#[derive(Debug)]
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    /// Reads them.
    pub(crate) fn load(chain: &Path, key: &Path) -> Result<Arc<Self>> {
        let current = ArcSwap::from_pointee(read(chain, key)?);
        Ok(Arc::new(Self { chain: chain.to_owned(), key: key.to_owned(), current }))
    }

    /// Reads them again; if that fails, the old ones stay.
    pub(crate) fn reload(&self) -> Result<()> {
        self.current.store(Arc::new(read(&self.chain, &self.key)?));
        Ok(())
    }

    /// What TLS connections are made with.
    pub(crate) fn server_config(self: &Arc<Self>) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn read(chain_file: &Path, key_file: &Path) -> Result<CertifiedKey> {
    let chain = CertificateDer::pem_file_iter(chain_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read the certificate `--tls-cert {}`", chain_file.display()))?;
    anyhow::ensure!(
        !chain.is_empty(),
        "`--tls-cert {}` holds no certificate in PEM form",
        chain_file.display()
    );
    let key = PrivateKeyDer::from_pem_file(key_file)
        .with_context(|| format!("cannot read the private key `--tls-key {}`", key_file.display()))?;
    let provider = CryptoProvider::get_default().context("no provider of cryptography is installed")?;
    CertifiedKey::from_der(chain, key, provider).with_context(|| {
        format!(
            "`--tls-cert {}` and `--tls-key {}` do not go together",
            chain_file.display(),
            key_file.display()
        )
    })
}
