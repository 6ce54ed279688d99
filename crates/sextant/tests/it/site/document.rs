//! The OpenAPI document that the server serves, as a judge: every answer has a declared status, and its body fits.

use crate::support::client::Answer;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

const PREFIXES: [&str; 4] = ["/gateway/sei/api", "/prod1/sei/api", "/gratis/sei/api", "/sei/api"];

/// The document.
pub(crate) struct Document {
    pub(crate) value: Value,
    components: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) permission: String,
}

impl Document {
    pub(crate) fn new(value: Value) -> Arc<Self> {
        let mut components = value["components"].clone();
        close(&mut components);
        Arc::new(Self { value, components, validators: Mutex::default() })
    }

    /// All operations, in the order of paths.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let mut all = Vec::new();
        for (path, item) in self.value["paths"].as_object().unwrap() {
            for method in ["get", "post", "put", "patch", "delete"] {
                let Some(operation) = item.get(method) else { continue };
                let permission = operation["x-permission"].as_str();
                let permission = permission.unwrap_or_else(|| panic!("{method} {path} has no x-permission"));
                all.push(Operation {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    permission: permission.to_owned(),
                });
            }
        }
        all
    }

    /// The template that a path fits.
    fn template(&self, path: &str) -> Option<&Value> {
        let path = path.split('?').next().unwrap_or_default();
        let mut path = PREFIXES
            .iter()
            .find_map(|prefix| {
                path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .unwrap_or(path);
        if path.starts_with("/v1/v1/") {
            path = &path[3..];
        }
        let path = if path.is_empty() { "/" } else { path };
        let segments: Vec<&str> = path.split('/').collect();
        let fits = |template: &str| {
            let parts: Vec<&str> = template.split('/').collect();
            let same = |(part, segment): (&&str, &&str)| {
                part == segment || (part.starts_with('{') && !segment.is_empty())
            };
            parts.len() == segments.len() && parts.iter().zip(&segments).all(same)
        };
        let all = self.value["paths"].as_object()?;
        // What is written out goes before what has parameters.
        all.get(path).or_else(|| all.iter().find(|(template, _)| fits(template)).map(|(_, item)| item))
    }

    /// Panics if the document does not foresee the answer.
    pub(crate) fn check(&self, method: &str, path: &str, answer: &Answer) {
        let method = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
        let Some(operation) = self.template(path).and_then(|item| item.get(&method)) else {
            let error = json!({"$ref": "#/components/schemas/ErrorBody"});
            assert!(answer.status >= 400, "{method} {path} is not in the document: {answer:?}");
            return self.fits("error", &error, answer);
        };
        let id = &operation["operationId"];
        let declared = &operation["responses"][answer.status.to_string()];
        assert!(declared.is_object(), "{id} does not declare {}: {}", answer.status, answer.text());
        let Some(content) = declared.get("content").and_then(Value::as_object) else {
            assert!(answer.body.is_empty(), "{id} declares no body for {}: {}", answer.status, answer.text());
            return;
        };
        let kind = answer.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let Some(media) = content.get(kind) else {
            let known: Vec<&String> = content.keys().collect();
            panic!("{id} answers {} as {kind:?}, which is not declared: {known:?}", answer.status);
        };
        if kind == "application/json" && !answer.body.is_empty() {
            self.fits(&format!("{id} {}", answer.status), &media["schema"], answer);
        }
    }

    fn fits(&self, name: &str, schema: &Value, answer: &Answer) {
        let validator = self.validator(name, schema);
        let body = answer.json();
        let problems: Vec<String> =
            validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{name}: {body} does not fit the document: {problems:#?}");
    }

    fn validator(&self, name: &str, schema: &Value) -> Arc<Validator> {
        let mut known = self.validators.lock().unwrap();
        let made = known.entry(name.to_owned()).or_insert_with(|| {
            let mut schema = schema.clone();
            close(&mut schema);
            schema["components"] = self.components.clone();
            let made = jsonschema::draft202012::options().should_validate_formats(true).build(&schema);
            Arc::new(made.unwrap_or_else(|error| panic!("{name} has no good schema: {error}")))
        });
        made.clone()
    }
}

/// What the document does not name must not be there.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            let is_schema = fields.get("properties").is_some_and(Value::is_object)
                && fields.get("type").is_some_and(|kind| kind == "object");
            if is_schema && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}
