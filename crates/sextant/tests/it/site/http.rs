//! A small HTTP client that can also say what a well-behaved one would not, and that holds every answer against the
//! OpenAPI document.

use super::Document;
use crate::support::PATIENCE;
use crate::support::client::{Answer, read_answer};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

/// Speaks to one server.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) document: Option<Arc<Document>>,
}

/// A request in the making.
#[derive(Clone)]
pub(crate) struct Call {
    client: Client,
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Client {
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call {
            client: self.clone(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Sends these bytes and answers what came back.
    pub(crate) fn exchange(&self, bytes: &[u8]) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        // A server may answer and close before it was told everything.
        let sent = stream.write_all(bytes);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if answer.is_empty() => Err(sent.err().unwrap_or(error)),
            _ if answer.is_empty() => Err(std::io::Error::other("closed without an answer")),
            _ => Ok(read_answer(&mut answer.as_slice())),
        }
    }
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// With this key in the header that the documentation names.
    pub(crate) fn key(self, key: impl AsRef<str>) -> Self {
        self.header("x-api-key", key.as_ref())
    }

    /// With this session, from a page of the server itself.
    pub(crate) fn session(self, session: &super::Session) -> Self {
        let origin = format!("http://{}", self.client.address);
        self.header("cookie", &session.cookie).header("origin", origin)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, kind: &str, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self.header("content-type", kind)
    }

    /// A CSV in the part `file` of a form.
    pub(crate) fn file(self, csv: impl AsRef<[u8]>) -> Self {
        let mut body = b"--frontier\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\
            content-type: text/csv\r\n\r\n"
            .to_vec();
        body.extend_from_slice(csv.as_ref());
        body.extend_from_slice(b"\r\n--frontier--\r\n");
        self.body("multipart/form-data; boundary=frontier", body)
    }

    /// The request's head and body.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        };
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            line("host", self.client.address.to_string().as_bytes());
        }
        line("connection", b"close");
        self.headers.iter().for_each(|(name, value)| line(name, value));
        let declared = self.headers.iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding")
        });
        match &self.body {
            Some(body) if !declared => line("content-length", body.len().to_string().as_bytes()),
            None if !declared && !matches!(self.method.as_str(), "GET" | "HEAD") => {
                line("content-length", b"0");
            }
            _ => {}
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// Sends it, or says why there is no answer.
    pub(crate) fn try_send(self) -> std::io::Result<Answer> {
        let answer = self.client.exchange(&self.bytes())?;
        if let Some(document) = &self.client.document {
            document.check(&self.method, &self.path, &answer);
        }
        Ok(answer)
    }

    #[track_caller]
    pub(crate) fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.path);
        self.try_send().unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Sends it and expects this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Answer {
        self.send().expect(status)
    }

    /// Sends it and expects this status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Answer {
        self.send().refused(status, code)
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, &*self.code()), (status, code), "{}", self.text());
        self
    }
}
