//! METADATA says what the sdist's PKG-INFO promises (PEP 643).

use std::collections::BTreeSet;

use super::verdict::{Docket, listed};
use crate::metadata::{Metadata, normalize, requirement};
use crate::report::Code;

/// Fields that decide what an installer does. PEP 643 promises more, but a changed summary hurts nobody.
const COMPARED: [&str; 3] = ["Requires-Dist", "Requires-Python", "Provides-Extra"];

pub(super) fn check(wheel: &Metadata, sdist: &Metadata, docket: &mut Docket) {
    if normalize(wheel.name()) != normalize(sdist.name()) {
        docket.general(
            Code::MetadataMismatch,
            format!("METADATA names the project `{}`, the sdist `{}`", wheel.name(), sdist.name()),
        );
    }
    if wheel.pep440() != sdist.pep440() {
        docket.general(
            Code::MetadataMismatch,
            format!("METADATA names the version `{}`, the sdist `{}`", wheel.version(), sdist.version()),
        );
    }
    for field in COMPARED {
        if !sdist.is_static(field) {
            continue;
        }
        let (ours, theirs) = (values(wheel, field), values(sdist, field));
        let added: Vec<&String> = ours.difference(&theirs).collect();
        let gone: Vec<&String> = theirs.difference(&ours).collect();
        if added.is_empty() && gone.is_empty() {
            continue;
        }
        let mut changes = Vec::new();
        if !added.is_empty() {
            changes.push(format!("METADATA adds {}", listed(&added)));
        }
        if !gone.is_empty() {
            changes.push(format!("METADATA lacks {}", listed(&gone)));
        }
        docket.general(
            Code::MetadataMismatch,
            format!("`{field}` differs from the sdist's, which is not Dynamic: {}", changes.join("; ")),
        );
    }
}

/// The values of `field` in a comparable spelling.
fn values(metadata: &Metadata, field: &str) -> BTreeSet<String> {
    let values = metadata.get_all(field).into_iter();
    values
        .map(|value| match field {
            "Requires-Dist" => {
                requirement(value).map_or_else(|_| squeezed(value), |requirement| requirement.to_string())
            }
            "Provides-Extra" => normalize(value),
            _ => {
                let mut parts: Vec<String> = value.split(',').map(squeezed).collect();
                parts.sort_unstable();
                parts.join(",")
            }
        })
        .collect()
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(text: &str) -> Metadata {
        Metadata::parse(format!("{text}\n").as_bytes()).unwrap()
    }

    fn faults(wheel: &str, sdist: &str) -> Vec<String> {
        let mut docket = Docket::default();
        check(&metadata(wheel), &metadata(sdist), &mut docket);
        assert!(docket.faults.iter().all(|fault| fault.code == Code::MetadataMismatch));
        docket.faults.into_iter().map(|fault| fault.reason).collect()
    }

    const OLD: &str = "Metadata-Version: 2.1\nName: Zope.x\nVersion: 1.0";
    const NEW: &str = "Metadata-Version: 2.2\nName: Zope.x\nVersion: 1.0";

    #[test]
    fn name_and_version_always_count() {
        assert!(faults("Metadata-Version: 2.1\nName: zope_x\nVersion: 1.0.0", OLD).is_empty());
        assert!(faults("Metadata-Version: 2.1\nName: zope-y\nVersion: 1.0", OLD)[0].contains("zope-y"));
        assert!(faults("Metadata-Version: 2.1\nName: zope.x\nVersion: 1.1", OLD)[0].contains("1.1"));
        assert!(!faults("Metadata-Version: 2.1\nName: zope.x\nVersion: 1.0+local", OLD).is_empty());
    }

    #[test]
    fn requirements_count_when_promised() {
        let with = |head: &str, more: &str| format!("{head}\n{more}");
        let requires = "Requires-Dist: attrs>=20 ; python_version < '3.9'";
        // Before 2.2, or when Dynamic, anything goes.
        assert!(faults(&with(OLD, requires), OLD).is_empty());
        assert!(faults(&with(NEW, requires), &with(NEW, "Dynamic: Requires-Dist")).is_empty());
        // Spelling is no difference.
        let respelled = "Requires-Dist: attrs >= 20; python_version<\"3.9\"";
        assert!(faults(&with(NEW, respelled), &with(NEW, requires)).is_empty());
        let found = faults(&with(NEW, requires), &with(NEW, "Requires-Dist: six"));
        assert!(found[0].contains("adds `attrs") && found[0].contains("lacks `six`"));
        assert!(
            faults(&with(NEW, "Requires-Python: >=3.8,<4"), &with(NEW, "Requires-Python: <4, >=3.8"))
                .is_empty()
        );
        assert!(
            !faults(&with(NEW, "Requires-Python: >=3.8"), &with(NEW, "Requires-Python: >=3.9")).is_empty()
        );
    }
}
