//! Extension modules: is there one of each that the interpreter would import?

use std::collections::BTreeMap;

use super::{Finding, Subject};

pub(super) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(python) = subject.python else { return };
    let own = python.version.soabi(&subject.target);
    let site = format!("{}/", python.scheme.site_packages);
    // By folder and module name: the suffixes there are.
    let mut modules: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (path, _, _) in subject.elf_files() {
        if !path.starts_with(&site) && !subject.is_application(path) {
            continue;
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if let Some((module, suffix)) = name.strip_suffix(".so").and_then(|name| name.split_once('.')) {
            modules.entry((folder, module)).or_default().push(suffix);
        }
    }
    for ((folder, module), suffixes) in modules {
        let is_tagged =
            |suffix: &str| ["cpython-", "pypy", "graalpy", "abi3"].iter().any(|tag| suffix.starts_with(tag));
        let imports = |suffix: &str| {
            suffix == own
                || (suffix == "abi3" && !python.version.free_threaded)
                || (suffix.starts_with("abi3") && suffix != "abi3")
                || !is_tagged(suffix)
        };
        if suffixes.iter().any(|suffix| imports(suffix)) {
            continue;
        }
        let path = format!("{folder}/{module}.{}.so", suffixes[0]);
        let what = format!("is for another Python: this one imports `{module}.{own}.so`");
        findings.push(subject.finding(path.trim_start_matches('/'), what));
    }
}
