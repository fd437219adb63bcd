//! The certificates of a local cluster, with the authorities that kubeadm makes: one each for the cluster, etcd and the aggregation layer,
//! so that a client certificate for the API server neither opens etcd nor poses as the front proxy.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use super::layout::Layout;

/// Where the service `kubernetes.default` is: the first address of the range that the API server gives to services.
const SERVICE_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1));

/// A certificate and its key, in PEM.
pub(super) struct Credentials {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// The clients' credentials and the authority that they trust, for kubeconfigs. Everything else is in files.
pub(super) struct Certificates {
    pub(super) authority: String,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    /// Makes the authorities and the servers' certificates, and writes them to the cluster's directory.
    pub(super) fn create(layout: &Layout) -> Result<Self> {
        let issuer = authority("kubernetes")?;
        let etcd = authority("etcd-ca")?;
        let front_proxy = authority("front-proxy-ca")?;
        write(&layout.certificate("ca"), &issuer.pem())?;
        write(&layout.key("ca"), &issuer.key().serialize_pem())?;
        write(&layout.certificate("etcd-ca"), &etcd.pem())?;
        write(&layout.certificate("front-proxy-ca"), &front_proxy.pem())?;

        write_both(layout, "apiserver", &server(&issuer, "kube-apiserver")?)?;
        write_both(layout, "etcd", &server(&etcd, "etcd")?)?;
        write_both(layout, "apiserver-etcd-client", &client(&etcd, "kube-apiserver-etcd-client", None)?)?;
        write_both(layout, "front-proxy-client", &client(&front_proxy, "front-proxy-client", None)?)?;

        let service_accounts = KeyPair::generate()?;
        write(&layout.key("service-accounts"), &service_accounts.serialize_pem())?;
        write(&layout.certificate("service-accounts"), &service_accounts.public_key_pem())?;
        Ok(Self { authority: issuer.pem(), issuer })
    }

    /// Credentials for a client of the API server.
    pub(super) fn client(&self, user: &str, group: Option<&str>) -> Result<Credentials> {
        client(&self.issuer, user, group)
    }
}

/// For a server on loopback: the authority that signed its certificate, the certificate and its key, in PEM.
pub(crate) fn loopback_certificate() -> Result<(String, String, String)> {
    let issuer = authority("e2e")?;
    let Credentials { certificate, key } = server(&issuer, "e2e")?;
    Ok((issuer.pem(), certificate, key))
}

fn parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.remove(DnType::CommonName);
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = date_time_ymd(2024, 1, 1);
    parameters.not_after = date_time_ymd(2124, 1, 1);
    parameters
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut parameters = parameters(name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    Ok(CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?)
}

fn server(issuer: &CertifiedIssuer<'static, KeyPair>, name: &str) -> Result<Credentials> {
    let mut parameters = parameters(name);
    parameters.subject_alt_names =
        vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)), SanType::IpAddress(SERVICE_ADDRESS)];
    let service = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    for host in service {
        parameters.subject_alt_names.push(SanType::DnsName(host.try_into()?));
    }
    // A server of etcd also dials its own address, and proves itself there with the same certificate.
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    signed(issuer, parameters)
}

fn client(issuer: &CertifiedIssuer<'static, KeyPair>, user: &str, group: Option<&str>) -> Result<Credentials> {
    let mut parameters = parameters(user);
    if let Some(group) = group {
        parameters.distinguished_name.push(DnType::OrganizationName, group);
    }
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    signed(issuer, parameters)
}

fn signed(issuer: &CertifiedIssuer<'static, KeyPair>, mut parameters: CertificateParams) -> Result<Credentials> {
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = parameters.signed_by(&key, issuer)?;
    Ok(Credentials { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn write_both(layout: &Layout, name: &str, credentials: &Credentials) -> Result<()> {
    write(&layout.certificate(name), &credentials.certificate)?;
    write(&layout.key(name), &credentials.key)
}

/// Writes a file that only its owner may read.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let parent = path.parent().context("a file needs a directory")?;
    fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("can't write {}", path.display()))
}
