//! People and keys that tests work with.

use super::{Call, Client};
use crate::support::client::Answer;
use serde_json::{Value, json};

/// Someone who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) cookie: String,
    pub(crate) user: String,
}

impl Session {
    pub(crate) fn of(answer: &Answer) -> Self {
        let cookie = answer.header("set-cookie").expect("a cookie is set");
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Self { cookie, user: answer.json()["user"]["id"].as_str().unwrap_or_default().to_owned() }
    }

    pub(crate) fn token(&self) -> &str {
        self.cookie.split_once('=').map_or("", |(_, token)| token)
    }
}

/// A key with its secret.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) shown: Value,
}

impl Key {
    pub(crate) fn of(answer: &Answer) -> Self {
        let body = answer.json();
        Self {
            id: body["apiKey"]["id"].as_str().unwrap_or_default().to_owned(),
            secret: body["key"].as_str().expect("a secret").to_owned(),
            shown: body["apiKey"].clone(),
        }
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.secret
    }
}

/// What can stand behind a request.
#[derive(Clone, Copy)]
pub(crate) enum By<'a> {
    Key(&'a Key),
    Session(&'a Session),
}

impl<'a> From<&'a Key> for By<'a> {
    fn from(key: &'a Key) -> Self {
        Self::Key(key)
    }
}

impl<'a> From<&'a Session> for By<'a> {
    fn from(session: &'a Session) -> Self {
        Self::Session(session)
    }
}

impl Call {
    /// On behalf of a key or a person.
    pub(crate) fn by<'a>(self, who: impl Into<By<'a>>) -> Self {
        match who.into() {
            By::Key(key) => self.key(key),
            By::Session(session) => self.session(session),
        }
    }
}

impl Client {
    pub(crate) fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Call {
        self.call("POST", path).json(body)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Call {
        self.call("PATCH", path).json(body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Call {
        self.call("PUT", path).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }

    /// Whether a key opens the door that every key opens.
    pub(crate) fn opens(&self, key: impl AsRef<str>) -> u16 {
        self.get("/v2/developers/schema").key(key).send().status
    }

    pub(crate) fn sign_in(&self, email: &str, password: &str) -> Session {
        Session::of(&self.signing_in(email, password).expect(200))
    }

    pub(crate) fn signing_in(&self, email: &str, password: &str) -> Call {
        let body = json!({"email": email, "password": password});
        self.post("/v1/session", &body).header("origin", format!("http://{}", self.address))
    }

    /// Makes a key.
    pub(crate) fn make_key<'a>(&self, by: impl Into<By<'a>>, body: &Value) -> Key {
        Key::of(&self.post("/v2/api-keys", body).by(by).expect(201))
    }

    /// Makes an Ingestion key.
    pub(crate) fn ingestion_key<'a>(&self, by: impl Into<By<'a>>, name: &str) -> Key {
        self.make_key(by, &json!({"name": name, "role": "INGESTION"}))
    }

    /// Makes an Admin key.
    pub(crate) fn admin_key(&self, by: &Session, name: &str) -> Key {
        self.make_key(by, &json!({"name": name, "role": "ADMIN"}))
    }

    /// A key as it is shown at this moment.
    pub(crate) fn shown<'a>(&self, by: impl Into<By<'a>>, id: &str) -> Value {
        self.get(&format!("/v2/api-keys/{id}")).by(by).expect(200).json()["apiKey"].clone()
    }

    /// Adds a person with these roles and signs them in.
    pub(crate) fn person(&self, by: &Session, email: &str, roles: &Value) -> Session {
        let body = json!({"email": email, "password": super::PASSWORD, "roles": roles});
        self.post("/v1/users", &body).by(by).expect(201);
        self.sign_in(email, super::PASSWORD)
    }

    /// Entries of the audit log, newest first.
    pub(crate) fn entries(&self, by: &Session, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/v2/audit?pageSize=1000{query}")).by(by).expect(200).json();
        answer["entries"].as_array().unwrap().clone()
    }
}
