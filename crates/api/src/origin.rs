//! Where a request comes from: its client's address, and for browsers its page's origin.

use crate::Options;
use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use sextant_core::code::Code;
use sextant_service::Failure;
use std::net::{IpAddr, SocketAddr};

/// The client's address: the peer's, or, where the peer is a trusted proxy, the last address in `X-Forwarded-For` that is
/// not one.
pub(crate) fn client(headers: &HeaderMap, peer: IpAddr, options: &Options) -> IpAddr {
    let peer = peer.to_canonical();
    let Some(trusted) = options.trusted_proxies.as_ref().filter(|trusted| trusted.contain(peer)) else {
        return peer;
    };
    let mut hops: Vec<&str> = Vec::new();
    for value in headers.get_all("x-forwarded-for") {
        hops.extend(value.to_str().unwrap_or_default().split(','));
    }
    let mut nearest = peer;
    for hop in hops.into_iter().rev() {
        // What a trusted proxy wrote and cannot be read ends the chain: nothing before it can be believed.
        let Some(address) = address(hop) else { return nearest };
        nearest = address;
        if !trusted.contain(address) {
            break;
        }
    }
    nearest
}

fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    hop.parse::<IpAddr>()
        .ok()
        .or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address| address.to_canonical())
}

/// Whether a changing request with a session comes from our own pages.
pub(crate) fn check_page(headers: &HeaderMap, options: &Options) -> Result<(), Failure> {
    let refuse = |message: &str| Err(Failure::new(Code::PermissionDenied, message));
    let Some(origin) = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()) else {
        return refuse("a changing request with a session, and signing in, must carry an Origin header");
    };
    if let Some(public) = &options.public_url {
        if origin.eq_ignore_ascii_case(origin_of(public)) {
            return Ok(());
        }
        return refuse("the Origin is not this server's public URL");
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let expected = format!("{}://{host}", if options.tls { "https" } else { "http" });
    if !is_literal(host) {
        return refuse(
            "set --public-url: without it this server is reached by an IP address or as localhost only",
        );
    }
    if origin.eq_ignore_ascii_case(&expected) {
        Ok(())
    } else {
        refuse("the Origin is not this server's own")
    }
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    url[after..].find('/').map_or(url, |end| &url[..after + end])
}

/// Whether a `Host` is an IP literal or `localhost`: a name could have been pointed here by anyone.
fn is_literal(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || address(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use sextant_core::network::Networks;

    fn forwarded(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let options = Options {
            trusted_proxies: Some(Networks::parse(&["10.0.0.0/8"]).unwrap()),
            ..Options::default()
        };
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let headers = forwarded(&["1.2.3.4, 203.0.113.9", "10.0.0.7"]);
        assert_eq!(client(&headers, ip("10.0.0.1"), &options), ip("203.0.113.9"));
        assert_eq!(client(&headers, ip("192.0.2.1"), &options), ip("192.0.2.1"));
        assert_eq!(client(&headers, ip("10.0.0.1"), &Options::default()), ip("10.0.0.1"));
        assert_eq!(client(&forwarded(&["1.2.3.4, nonsense"]), ip("10.0.0.1"), &options), ip("10.0.0.1"));
        assert_eq!(client(&forwarded(&["[2001:db8::1]:443"]), ip("10.0.0.1"), &options), ip("2001:db8::1"));
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let request = |origin: &str, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
            headers.insert(HOST, HeaderValue::from_str(host).unwrap());
            headers
        };
        let plain = Options::default();
        assert!(check_page(&request("http://127.0.0.1:7117", "127.0.0.1:7117"), &plain).is_ok());
        assert!(check_page(&request("http://localhost:7117", "localhost:7117"), &plain).is_ok());
        assert!(check_page(&request("http://evil.example", "evil.example"), &plain).is_err(), "rebinding");
        assert!(check_page(&request("http://evil.example", "127.0.0.1:7117"), &plain).is_err());
        assert!(check_page(&HeaderMap::new(), &plain).is_err());
        let public =
            Options { public_url: Some("https://sextant.example/base".into()), ..Options::default() };
        assert!(check_page(&request("https://sextant.example", "10.0.0.1:80"), &public).is_ok());
        assert!(check_page(&request("https://sextant.example.evil", "sextant.example"), &public).is_err());
    }
}
