//! Keys and certificates with which the product proves something to the service, as an operator makes them.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// A private key on P-256 as PEM.
pub fn private_key() -> String {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let der = pair.to_pkcs8v1().expect("PKCS#8");
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64"))
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n")
}

/// The thumbprint of its public half (RFC 7638).
pub fn thumbprint(pem: &str) -> String {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(body).expect("base64");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).expect("a key");
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let [x, y] = [x, y].map(|number| URL_SAFE_NO_PAD.encode(number));
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
}

/// A JWS of this header and payload, signed with ES256.
pub fn signed(pem: &str, signed: &str) -> String {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(body).expect("base64");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).expect("a key");
    let signature = pair
        .sign(&SystemRandom::new(), signed.as_bytes())
        .expect("it signs");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// An authority that vouches for servers and clients, made with `openssl`.
pub struct Authority {
    folder: TempDir,
}

/// A certificate.
pub struct Certified {
    /// In DER.
    pub der: Vec<u8>,
    /// With its private key, as an operator gives it.
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let authority = Self { folder };
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \
             -keyout authority.key -out authority.pem",
        );
        authority
    }

    /// Where its own certificate is.
    pub fn file(&self) -> String {
        let file = self.folder.path().join("authority.pem");
        file.to_str().expect("it is text").to_owned()
    }

    /// The certificate of a name: the same each time.
    pub fn client(&self, name: &str) -> Certified {
        self.certified(name, "extendedKeyUsage=clientAuth")
    }

    /// A server of this name that demands certificates of this authority.
    pub fn server(&self, name: &str) -> Arc<ServerConfig> {
        let extensions = format!("subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth");
        let of_server = self.certified(name, &extensions);
        let read = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
        let mut roots = RootCertStore::empty();
        let own = fs::read_to_string(self.file()).expect("the certificate");
        roots.add(read(&own)).expect("a root");
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
        let key = PrivateKeyDer::from_pem_slice(of_server.pem.as_bytes()).expect("a key");
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier.expect("a verifier"))
            .with_single_cert(vec![read(&of_server.pem)], key);
        Arc::new(config.expect("certificate and key belong together"))
    }

    fn certified(&self, name: &str, extensions: &str) -> Certified {
        let path = |end: &str| self.folder.path().join(format!("{name}{end}"));
        if !path(".pem").exists() {
            fs::write(path(".ext"), extensions).expect("a file");
            self.openssl(&format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {name}.key \
                 -out {name}.csr"
            ));
            self.openssl(&format!(
                "x509 -req -in {name}.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \
                 -extfile {name}.ext -out {name}.pem"
            ));
        }
        let read = |end: &str| fs::read_to_string(path(end)).expect("openssl has written it");
        let pem = format!("{}{}", read(".pem"), read(".key"));
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
        Certified {
            der: der.to_vec(),
            pem,
        }
    }

    fn openssl(&self, line: &str) {
        let run = Command::new("openssl")
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .output()
            .expect("openssl is not installed: scripts/test installs it");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "openssl {line}: {said}");
    }
}
