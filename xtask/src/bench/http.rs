//! Just enough HTTP/1.1 to time single requests on one connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};

const LIMIT: Duration = Duration::from_secs(30);

pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in small letters.
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body, where the answer is what was expected.
    pub(super) fn expect(self, status: u16) -> Result<Vec<u8>> {
        let said = String::from_utf8_lossy(&self.body);
        anyhow::ensure!(self.status == status, "answered {} instead of {status}: {said}", self.status);
        Ok(self.body)
    }
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self { stream: BufReader::new(stream), host: address.to_string() })
    }

    /// Sends a request without a body and waits for the whole answer.
    pub(super) fn send(&mut self, method: &str, path: &str, key: &str) -> Result<Answer> {
        self.exchange(&format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nx-api-key: {key}\r\n\r\n", self.host))
    }

    /// Posts JSON and waits for the whole answer.
    pub(super) fn post(&mut self, path: &str, key: &str, body: &serde_json::Value) -> Result<Answer> {
        let body = body.to_string();
        self.exchange(&format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nx-api-key: {key}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        ))
    }

    fn exchange(&mut self, request: &str) -> Result<Answer> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status =
            self.line()?.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status line")?;
        let mut answer = Answer { status, headers: Vec::new(), body: Vec::new() };
        while let Some((name, value)) = self.line()?.split_once(':') {
            answer.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let chunked = answer.header("transfer-encoding").is_some_and(|value| value.contains("chunked"));
        let length = answer.header("content-length").map_or(Ok(0), str::parse)?;
        answer.body = if chunked { self.chunks()? } else { self.bytes(length)? };
        Ok(answer)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        anyhow::ensure!(line.ends_with('\n'), "the connection ended");
        Ok(line.trim_end().to_owned())
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(self.line()?.split(';').next().unwrap_or_default(), 16)?;
            body.extend(self.bytes(length)?);
            self.line()?;
            if length == 0 {
                return Ok(body);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn answers_of_either_framing_are_read_on_one_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let answers = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ncde\r\n0\r\n\r\n";
            stream.write_all(answers.as_bytes()).unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
        });
        let mut connection = Connection::open(address).unwrap();
        let first = connection.send("GET", "/", "k").unwrap();
        let second = connection.send("GET", "/", "k").unwrap();
        assert_eq!((first.status, first.body.as_slice()), (200, &b"ab"[..]));
        assert_eq!((second.status, second.body.as_slice()), (401, &b"cde"[..]));
        assert_eq!(first.header("content-length"), Some("2"));
        assert!(second.expect(200).is_err());
        drop(connection);
        server.join().unwrap();
    }
}
