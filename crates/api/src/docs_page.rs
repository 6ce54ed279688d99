//! `/docs` where the console is not built: the OpenAPI document as one page, without scripts and without anything from
//! another host.

use serde_json::Value;
use std::fmt::Write;

/// The page.
pub(crate) fn render(document: &Value) -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sextant API</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"stylesheet\" href=\"/assets/page.css\"></head><body><main><h1>Sextant API</h1>",
    );
    paragraph(&mut page, text(&document["info"]["description"]));
    page.push_str("<p>Send a key as <code>x-api-key: sxt_…</code>. The whole document: <a href=\"/openapi.json\">openapi.json</a>.</p>");
    let tags: Vec<(&str, &str)> =
        list(&document["tags"]).map(|tag| (text(&tag["name"]), text(&tag["description"]))).collect();
    page.push_str("<nav aria-label=\"Resources\"><ul>");
    for (name, _) in &tags {
        let _ = write!(page, "<li><a href=\"#{}\">{}</a></li>", anchor(name), escape(name));
    }
    page.push_str("</ul></nav>");
    for (name, description) in &tags {
        let _ = write!(page, "<section id=\"{}\"><h2>{}</h2>", anchor(name), escape(name));
        paragraph(&mut page, description);
        for (path, method, operation) in operations(document) {
            if list(&operation["tags"]).any(|tag| text(tag) == *name) {
                write_operation(&mut page, document, path, method, operation);
            }
        }
        page.push_str("</section>");
    }
    page.push_str("</main></body></html>");
    page
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    document["paths"].as_object().into_iter().flatten().flat_map(|(path, item)| {
        item.as_object()
            .into_iter()
            .flatten()
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

fn write_operation(page: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        page,
        "<details id=\"{}\"><summary><code>{} {}</code> <span>{}</span></summary>",
        escape(text(&operation["operationId"])),
        method.to_uppercase(),
        escape(path),
        prose(text(&operation["summary"]))
    );
    paragraph(page, text(&operation["description"]));
    let _ = write!(page, "<p>Permission: <code>{}</code></p>", escape(text(&operation["x-permission"])));
    if list(&operation["parameters"]).next().is_some() {
        page.push_str("<h3>Parameters</h3><table><thead><tr><th>Name</th><th>In</th><th>Meaning</th></tr></thead><tbody>");
        for parameter in list(&operation["parameters"]) {
            let _ = write!(
                page,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                escape(text(&parameter["name"])),
                escape(text(&parameter["in"])),
                prose(text(&parameter["description"]))
            );
        }
        page.push_str("</tbody></table>");
    }
    if let Some(content) = operation["requestBody"]["content"].as_object() {
        page.push_str("<h3>Body</h3>");
        for (kind, media) in content {
            let _ = write!(page, "<p><code>{}</code></p>", escape(kind));
            write_schema(page, document, &media["schema"]);
        }
    }
    page.push_str("<h3>Answers</h3><table><thead><tr><th>Status</th><th>Meaning</th></tr></thead><tbody>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td></tr>",
            escape(status),
            prose(text(&response["description"]))
        );
    }
    page.push_str("</tbody></table>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        if let Some(media) = response["content"].get("application/json").filter(|_| status.starts_with('2')) {
            write_schema(page, document, &media["schema"]);
        }
    }
    page.push_str("</details>");
}

/// A schema's fields as a table; references are followed one level.
fn write_schema(page: &mut String, document: &Value, schema: &Value) {
    let schema = follow(document, schema);
    let Some(fields) = schema["properties"].as_object() else { return };
    page.push_str("<table><thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead><tbody>");
    let required: Vec<&str> = list(&schema["required"]).map(text).collect();
    for (name, field) in fields {
        let optional = if required.contains(&name.as_str()) { "" } else { " (optional)" };
        let _ = write!(
            page,
            "<tr><td><code>{}</code>{optional}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            escape(&kind(field)),
            prose(text(&field["description"]))
        );
    }
    page.push_str("</tbody></table>");
}

fn follow<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).unwrap_or(schema),
        None => schema,
    }
}

fn kind(field: &Value) -> String {
    if let Some(reference) = field["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    match &field["type"] {
        Value::String(kind) if kind == "array" => format!("array of {}", kind_or(&field["items"], "any")),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}

fn kind_or(field: &Value, otherwise: &str) -> String {
    if field.is_object() { kind(field) } else { otherwise.to_owned() }
}

fn paragraph(page: &mut String, text: &str) {
    if !text.is_empty() {
        let _ = write!(page, "<p>{}</p>", prose(text));
    }
}

/// Text with what stands between backticks as code.
fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (position, part) in text.split('`').enumerate() {
        let part = escape(part);
        if position % 2 == 1 {
            let _ = write!(out, "<code>{part}</code>");
        } else {
            out.push_str(&part);
        }
    }
    out
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn anchor(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
