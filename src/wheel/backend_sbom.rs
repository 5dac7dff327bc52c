//! SBOMs that a backend put into the wheel (PEP 770), made independent of the place of the build.
//!
//! maturin, for one, names crates by `path+file://` and the folder of the source, and CycloneDX
//! writers like to add the time and a random serial number.

use serde_json::Value;

use super::build_paths::{self, BuildPath};
use super::json;
use super::member::Member;
use crate::report::Result;

/// What stands for a local crate's folder that is none of the known ones.
const UNKNOWN_FOLDER: &str = "/source";

/// Normalises every CycloneDX JSON file in the `sboms` folder of `dist_info`. A file that needs no
/// change, or is no CycloneDX, keeps its bytes.
pub(super) fn normalize(
    members: &mut [Member],
    dist_info: &str,
    paths: &[BuildPath],
    notes: &mut Vec<String>,
) -> Result<()> {
    let folder = format!("{dist_info}/sboms/");
    for member in members.iter_mut().filter(|member| member.name.starts_with(&folder)) {
        let Ok(mut document) = serde_json::from_slice::<Value>(&member.data) else { continue };
        if document.get("bomFormat").and_then(Value::as_str) != Some("CycloneDX") {
            continue;
        }
        let root = document
            .pointer("/metadata/component/bom-ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.split_once("file:///"))
            .map(|(_, rest)| format!("/{}", rest.split(['#', '?']).next().unwrap_or_default()));
        let mut paths = paths.to_vec();
        if let Some(root) = root
            && build_paths::replace(&root, &paths).is_none()
            && root != UNKNOWN_FOLDER
        {
            paths.push(BuildPath::new(root, UNKNOWN_FOLDER));
        }
        let mut changed =
            document.as_object_mut().is_some_and(|top| top.shift_remove("serialNumber").is_some());
        if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
            changed |= metadata.shift_remove("timestamp").is_some();
        }
        changed |= replace_in(&mut document, &paths);
        if changed {
            member.data = json::canonical(&document)?.into_bytes();
            notes.push(format!("`{}` is freed of the build's folder, time and serial number", member.name));
        }
    }
    Ok(())
}

/// Replaces the paths in every string below `value`; says whether there were any.
fn replace_in(value: &mut Value, paths: &[BuildPath]) -> bool {
    match value {
        Value::String(text) => match build_paths::replace(text, paths) {
            Some(replaced) => {
                *text = replaced;
                true
            }
            None => false,
        },
        Value::Array(list) => list.iter_mut().fold(false, |changed, item| replace_in(item, paths) | changed),
        Value::Object(map) => map.values_mut().fold(false, |changed, item| replace_in(item, paths) | changed),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sbom(folder: &str, serial: &str) -> Member {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","serialNumber":"urn:uuid:{serial}",
            "metadata":{{"timestamp":"2026-01-01T00:00:00Z","component":{{"type":"library","name":"a","bom-ref":"path+file://{folder}#a@1.0"}}}},
            "components":[{{"bom-ref":"path+file://{folder}/crates/b#1.0","name":"b"}}],
            "dependencies":[{{"ref":"path+file://{folder}#a@1.0","dependsOn":["path+file://{folder}/crates/b#1.0"]}}]}}"#
        );
        Member::file("a-1.dist-info/sboms/a.cyclonedx.json", text)
    }

    #[test]
    fn two_folders_and_times_give_the_same_bytes() {
        let known = [BuildPath::new("/home/one/src", "/source")];
        let mut notes = Vec::new();
        let mut one = [sbom("/home/one/src", "1")];
        normalize(&mut one, "a-1.dist-info", &known, &mut notes).unwrap();
        let mut two = [sbom("/tmp/x/y", "2")];
        normalize(&mut two, "a-1.dist-info", &[], &mut notes).unwrap();
        let text = String::from_utf8(one[0].data.clone()).unwrap();
        assert_eq!(text, String::from_utf8(two[0].data.clone()).unwrap());
        assert!(text.contains("path+file:///source/crates/b#1.0"), "{text}");
        assert!(!text.contains("serialNumber") && !text.contains("timestamp") && !text.contains("/home"));
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn other_files_keep_their_bytes() {
        let clean = r#"{ "bomFormat":"CycloneDX", "components":[] }"#;
        let mut members = [
            Member::file("a-1.dist-info/sboms/clean.json", clean),
            Member::file("a-1.dist-info/sboms/broken.json", "{"),
            Member::file("a-1.dist-info/sboms/spdx.json", r#"{"serialNumber":"1"}"#),
            Member { name: "pkg/sboms/a.json".into(), ..sbom("/x", "1") },
        ];
        let before = members.clone();
        let mut notes = Vec::new();
        normalize(&mut members, "a-1.dist-info", &[], &mut notes).unwrap();
        assert_eq!((members, notes.len()), (before, 0));
    }
}
