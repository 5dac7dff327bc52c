//! What differs between two images, platform by platform, from their descriptions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Compares the described images of `here` and `there` (as [`super::examine::describe`] gives them) that
/// are of one platform; one image with one other is compared whatever their platforms are.
pub fn compare(here: &[Value], there: &[Value]) -> Vec<Value> {
    if let ([one], [other]) = (here, there) {
        return vec![pair(one, other)];
    }
    let mut compared = Vec::new();
    for one in here {
        let same = there.iter().find(|other| other["platform"] == one["platform"]);
        compared.push(match same {
            Some(other) => pair(one, other),
            None => json!({ "platform": one["platform"], "only": "here" }),
        });
    }
    let lone = there.iter().filter(|other| here.iter().all(|one| one["platform"] != other["platform"]));
    compared.extend(lone.map(|other| json!({ "platform": other["platform"], "only": "there" })));
    compared
}

fn pair(here: &Value, there: &Value) -> Value {
    let layers = |image: &Value| -> Vec<Value> { image["layers"].as_array().cloned().unwrap_or_default() };
    let (ours, theirs) = (layers(here), layers(there));
    let has = |layers: &[Value], one: &Value| layers.iter().any(|other| other["digest"] == one["digest"]);
    let size = |layers: &[Value]| layers.iter().filter_map(|layer| layer["size"].as_u64()).sum::<u64>();
    let lacking = |some: &[Value], others: &[Value]| -> Vec<Value> {
        let lone = some.iter().filter(|layer| !has(others, layer));
        lone.map(|layer| json!({ "title": layer["title"], "digest": layer["digest"], "size": layer["size"] }))
            .collect()
    };
    let (only_here, only_there) = (lacking(&ours, &theirs), lacking(&theirs, &ours));
    let (new, old) = (packages(here), packages(there));
    let mut changes = Vec::new();
    for name in new.keys().chain(old.keys().filter(|name| !new.contains_key(*name))) {
        let (now, before) = (new.get(name), old.get(name));
        if now != before {
            let part = |side: Option<&(String, u64)>| {
                side.map(|(version, unpacked)| json!({ "version": version, "unpacked": unpacked }))
            };
            changes.push(json!({ "name": name, "here": part(now), "there": part(before) }));
        }
    }
    changes.sort_by_key(|change| change["name"].as_str().unwrap_or_default().to_owned());
    json!({
        "platform": here["platform"],
        "size": { "here": size(&ours), "there": size(&theirs) },
        "shared_layers": ours.len() - only_here.len(),
        // What has to be sent where the other image is.
        "to_send": size(&only_here),
        "layers": { "here": only_here, "there": only_there },
        "packages": changes,
    })
}

/// Version and unpacked size of each package.
fn packages(image: &Value) -> BTreeMap<String, (String, u64)> {
    let all = image["packages"].as_array().into_iter().flatten();
    all.filter_map(|package| {
        let name = package["name"].as_str()?.to_owned();
        let version = package["version"].as_str()?.to_owned();
        Some((name, (version, package["unpacked"].as_u64().unwrap_or(0))))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(platform: &str, layers: &[(&str, u64)], packages: &[(&str, &str)]) -> Value {
        let layers: Vec<Value> = layers
            .iter()
            .map(|(digest, size)| json!({ "title": "packages", "digest": digest, "size": size }))
            .collect();
        let packages: Vec<Value> = packages
            .iter()
            .map(|(name, version)| json!({ "name": name, "version": version, "unpacked": 10 }))
            .collect();
        json!({ "platform": platform, "layers": layers, "packages": packages })
    }

    #[test]
    fn layers_and_packages_are_told_apart() {
        let here = image("linux/amd64", &[("sha256:a", 5), ("sha256:b", 7)], &[("numpy", "2"), ("new", "1")]);
        let there =
            image("linux/amd64", &[("sha256:a", 5), ("sha256:c", 9)], &[("numpy", "1"), ("old", "1")]);
        let found = compare(std::slice::from_ref(&here), &[there]);
        assert_eq!(found[0]["shared_layers"], 1);
        assert_eq!(found[0]["to_send"], 7);
        assert_eq!(found[0]["size"], json!({ "here": 12, "there": 14 }));
        let names: Vec<&str> =
            found[0]["packages"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["new", "numpy", "old"]);
        assert_eq!(found[0]["packages"][2]["here"], Value::Null);
        // Of several platforms those that both have.
        let arm = image("linux/arm64", &[], &[]);
        let riscv = image("linux/riscv64", &[], &[]);
        let found = compare(&[here.clone(), arm], &[here, riscv]);
        assert_eq!(found[0]["packages"], json!([]));
        assert_eq!((&found[1]["only"], &found[2]["only"]), (&json!("here"), &json!("there")));
    }
}
