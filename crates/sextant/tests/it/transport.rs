//! TLS: the certificate, reading it again, HTTP/2.

use crate::support::client::read_answer;
use crate::support::{PATIENCE, Server, folder, run_on};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Writes a new certificate for this machine and its key.
fn renew(cert: &Path, key: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(key, made.signing_key.serialize_pem()).unwrap();
    std::fs::write(cert, made.cert.pem()).unwrap();
    made.cert.der().clone()
}

/// A TLS connection that trusts these.
fn connect(
    address: SocketAddr,
    trusted: &[&CertificateDer<'static>],
    protocols: &[&[u8]],
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add((*certificate).clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut tls = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock).unwrap();
    }
    tls
}

fn shown(address: SocketAddr, trusted: &[&CertificateDer<'static>]) -> CertificateDer<'static> {
    let tls = connect(address, trusted, &[]);
    tls.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

fn start(
    test: &str,
    more: &[&str],
) -> (Server, std::path::PathBuf, std::path::PathBuf, CertificateDer<'static>) {
    let folder = folder(test);
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let first = renew(&cert, &key);
    let files = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let server = Server::start(&folder.join("data"), &[&files, more].concat());
    (server, cert, key, first)
}

#[test]
fn a_certificate_is_renewed_without_a_restart_and_a_broken_one_is_not_taken() {
    let (server, cert, key, first) = start("tls-renewal", &[]);
    assert_eq!(server.ready_line, format!("listening on https://{}", server.address));
    let mut tls = connect(server.address, &[&first], &[b"http/1.1"]);
    tls.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
    let answer = read_answer(&mut tls);
    assert_eq!(answer.status, 200);
    assert!(answer.header("strict-transport-security").is_some());

    std::fs::write(&cert, "no certificate").unwrap();
    server.signal("HUP");
    server.wait_until_said("the old one stays");
    assert_eq!(shown(server.address, &[&first]), first);

    let second = renew(&cert, &key);
    server.signal("HUP");
    server.wait_until_said("the new certificate is in force");
    assert_eq!(shown(server.address, &[&first, &second]), second);
    assert!(server.stop().0.success());
}

#[test]
fn http2_is_spoken_and_its_silent_clients_are_shown_the_door() {
    let (server, _, _, first) = start("tls-http2", &["--header-timeout-ms", "300"]);
    let mut tls = connect(server.address, &[&first], &[b"h2", b"http/1.1"]);
    assert_eq!(tls.conn.alpn_protocol(), Some(b"h2".as_slice()));
    // The preface, empty settings, and then: `GET https /healthz`, all in the static table but the path.
    tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let block = b"\x82\x87\x04\x08/healthz\x41\x09127.0.0.1";
    let mut frame = vec![0, 0, u8::try_from(block.len()).unwrap(), 0x01, 0x05, 0, 0, 0, 1];
    frame.extend_from_slice(block);
    tls.write_all(&frame).unwrap();
    let began = Instant::now();
    let mut seen = Vec::new();
    let _ = tls.read_to_end(&mut seen);
    // A HEADERS frame on stream 1 whose first octet is `:status: 200` of the static table.
    let answered =
        seen.windows(10).any(|window| window[3] == 0x01 && window[5..9] == [0, 0, 0, 1] && window[9] == 0x88);
    assert!(answered, "{seen:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "a silent client is not kept");

    let mut plain = TcpStream::connect(server.address).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    let began = Instant::now();
    let _ = plain.read_to_end(&mut Vec::new());
    assert!(began.elapsed() < Duration::from_secs(20), "who begins no handshake is not kept");
}

#[test]
fn files_that_do_not_go_together_refuse_to_start() {
    let folder = folder("tls-mismatch");
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    renew(&cert, &key);
    renew(&folder.join("other.pem"), &key);
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let data = folder.join("data");
    run_on(&data, &["serve", "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key])
        .refused(1, &["do not go together"]);
    run_on(&data, &["serve", "--tls-cert", cert]).refused(2, &["--tls-key"]);
    assert!(!data.exists());
}
