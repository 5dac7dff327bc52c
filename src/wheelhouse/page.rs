//! The pages: HTML (PEP 503 with the attributes of PEP 592, 658 and 714) and JSON (PEP 691, 700).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::entry::Entry;
use crate::report::{Error, Result};

/// The time of publishing that every file has: a page does not depend on when it was written.
const UPLOAD_TIME: &str = "1980-01-01T00:00:00Z";

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
     <meta name=\"pypi:repository-version\" content=\"1.1\">\n";

/// One project's files.
pub(super) fn project_html(project: &str, entries: &[Entry]) -> String {
    let mut text = format!("{HEAD}<title>{project}</title>\n</head>\n<body>\n");
    for entry in entries {
        text.push_str(&format!("<a href=\"{}#sha256={}\"", entry.link(), entry.sha256));
        if let Some(requires) = &entry.requires_python {
            text.push_str(&format!(" data-requires-python=\"{}\"", escape(requires)));
        }
        if let Some(metadata) = &entry.metadata {
            // The second is the name that older installers look for (PEP 714).
            for attribute in ["data-core-metadata", "data-dist-info-metadata"] {
                text.push_str(&format!(" {attribute}=\"sha256={}\"", metadata.sha256));
            }
        }
        text.push_str(&format!(">{}</a><br>\n", escape(&entry.name)));
    }
    text + "</body>\n</html>\n"
}

/// The same as JSON.
pub(super) fn project_json(project: &str, entries: &[Entry]) -> Result<String> {
    let files: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut file = json!({
                "filename": entry.name,
                "url": entry.link(),
                "hashes": { "sha256": entry.sha256 },
                "size": entry.size,
                "upload-time": UPLOAD_TIME,
                "yanked": false,
            });
            if let Some(requires) = &entry.requires_python {
                file["requires-python"] = json!(requires);
            }
            if let Some(metadata) = &entry.metadata {
                for key in ["core-metadata", "dist-info-metadata"] {
                    file[key] = json!({ "sha256": metadata.sha256 });
                }
            }
            file
        })
        .collect();
    let mut versions: Vec<String> = entries.iter().map(|entry| entry.version.to_string()).collect();
    versions.dedup();
    text(&json!({ "meta": { "api-version": "1.1" }, "name": project, "versions": versions, "files": files }))
}

/// Every project.
pub(super) fn root_html(projects: &BTreeSet<&str>) -> String {
    let mut text = format!("{HEAD}<title>Simple index</title>\n</head>\n<body>\n");
    for project in projects {
        text.push_str(&format!("<a href=\"{project}/\">{project}</a><br>\n"));
    }
    text + "</body>\n</html>\n"
}

/// The same as JSON.
pub(super) fn root_json(projects: &BTreeSet<&str>) -> Result<String> {
    let projects: Vec<Value> = projects.iter().map(|project| json!({ "name": project })).collect();
    text(&json!({ "meta": { "api-version": "1.1" }, "projects": projects }))
}

fn text(value: &Value) -> Result<String> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::bug(format!("a page: {error}")))?;
    Ok(text + "\n")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
