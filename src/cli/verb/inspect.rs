//! `inspect FILE|IMAGE`: what a wheel, an sdist or an image holds.

use serde_json::{Value, json};

use crate::cache::Digest;
use crate::cli::typed::Inspect;
use crate::cli::{Context, image_page, print, print_json, terminal};
use crate::elf::{self, ElfFile};
use crate::image;
use crate::report::{Code, Error, Result};
use crate::sdist::Sdist;
use crate::wheel::RawWheel;

pub fn run(arguments: &Inspect, context: &Context) -> Result<()> {
    let path = &arguments.file;
    if let Some(input) = super::image::named(path)? {
        let mut value = super::image::described(&input, arguments.insecure, context)?;
        if let Some(other) = &arguments.against {
            let input = super::image::named(other)?.ok_or_else(|| {
                Error::new(Code::InputNotFound, format!("there is no image at `{}`", other.display()))
            })?;
            let other = super::image::described(&input, arguments.insecure, context)?;
            let images = |value: &Value| value["images"].as_array().cloned().unwrap_or_default();
            value["difference"] = json!(image::compare(&images(&value), &images(&other)));
        }
        if let Some(file) = &arguments.html {
            let page = image_page::page(&value, &path.display().to_string());
            std::fs::write(file, page).map_err(|error| Error::io("write", file, &error))?;
        }
        return if context.global.json { print_json(&value) } else { show_image(&value) };
    }
    if arguments.against.is_some() || arguments.html.is_some() {
        return Err(Error::new(Code::Usage, format!("`{}` is no image", path.display())).cause(
            "`--against` and `--html` are for images: an OCI layout, a docker archive, `registry:REF`",
        ));
    }
    if !path.exists() {
        return Err(Error::new(Code::InputNotFound, format!("no file `{}`", path.display())));
    }
    let value =
        if path.extension().is_some_and(|ending| ending == "whl") { wheel(path)? } else { sdist(path)? };
    if context.global.json {
        return print_json(&value);
    }
    show(&value)
}

fn wheel(path: &std::path::Path) -> Result<Value> {
    let raw = RawWheel::read(path)?;
    let mut members = Vec::new();
    for member in raw.members() {
        let mut value = json!({ "name": member.name, "size": member.data.len() });
        if elf::is_elf(&member.data) {
            let file = ElfFile::parse(&member.data)?;
            value["machine"] = file.arch().map_or_else(|| json!("unknown"), |arch| json!(arch.machine));
            value["needs"] = json!(file.needed);
        }
        members.push(value);
    }
    Ok(json!({
        "version": 1,
        "kind": "wheel",
        "name": raw.metadata().name(),
        "project_version": raw.metadata().version(),
        "sha256": Digest::of_file(path)?,
        "tags": raw.file_name().tags().expand().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "requires": raw.metadata().get_all("Requires-Dist"),
        "generator": raw.wheel().generator,
        "members": members,
    }))
}

fn sdist(path: &std::path::Path) -> Result<Value> {
    let sdist = Sdist::open(path)?;
    let scratch = tempfile::tempdir().map_err(|e| Error::io("write", &std::env::temp_dir(), &e))?;
    let tree = sdist.unpack(scratch.path())?;
    let mut members = Vec::new();
    for entry in walkdir::WalkDir::new(&tree.root).sort_by_file_name().into_iter().flatten() {
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(&tree.root).unwrap_or(entry.path());
            members.push(json!({ "name": name, "size": entry.metadata().map_or(0, |meta| meta.len()) }));
        }
    }
    Ok(json!({
        "version": 1,
        "kind": "sdist",
        "name": tree.name,
        "project_version": tree.version,
        "sha256": sdist.sha256(),
        "backend": tree.build_system.backend,
        "build_requires": tree.build_system.requires,
        "members": members,
    }))
}

fn show_image(value: &Value) -> Result<()> {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let bytes = |value: &Value| terminal::size(value.as_u64().unwrap_or(0));
    for image in items(&value["images"]) {
        print(&format!("{} {}", text(&image["platform"]), text(&image["digest"])))?;
        if let Some(python) = image["interpreter"].as_str() {
            print(&format!("interpreter: {python}"))?;
        }
        let mut rows = vec![["layer", "packed", "unpacked", "digest"].map(str::to_owned).to_vec()];
        for layer in items(&image["layers"]) {
            let title: String = text(&layer["title"]).chars().take(48).collect();
            rows.push(vec![title, bytes(&layer["size"]), bytes(&layer["unpacked"]), text(&layer["digest"])]);
        }
        terminal::table(&rows).iter().try_for_each(|line| print(line))?;
        let mut rows = vec![["package", "version", "unpacked"].map(str::to_owned).to_vec()];
        for package in items(&image["packages"]) {
            rows.push(vec![text(&package["name"]), text(&package["version"]), bytes(&package["unpacked"])]);
        }
        if rows.len() > 1 {
            terminal::table(&rows).iter().try_for_each(|line| print(line))?;
        }
        for advice in items(&image["advice"]) {
            print(&format!("advice: {}", text(&advice)))?;
        }
    }
    for shared in items(&value["shared"]) {
        print(&format!(
            "shared: {} by {}",
            text(&shared["digest"]),
            items(&shared["by"]).iter().map(text).collect::<Vec<_>>().join(", ")
        ))?;
    }
    for difference in items(&value["difference"]) {
        print(&format!("{}: {}", text(&difference["platform"]), image_page::summary(&difference)))?;
        let mut rows = vec![["package", "there", "here", "", ""].map(str::to_owned).to_vec()];
        rows.extend(items(&difference["packages"]).iter().map(image_page::change));
        if rows.len() > 1 {
            terminal::table(&rows).iter().try_for_each(|line| print(line))?;
        }
    }
    Ok(())
}

fn show(value: &Value) -> Result<()> {
    for key in ["kind", "name", "project_version", "sha256", "backend", "generator"] {
        if let Some(text) = value[key].as_str() {
            print(&format!("{}: {text}", key.replace('_', " ")))?;
        }
    }
    for key in ["tags", "requires", "build_requires"] {
        for item in value[key].as_array().into_iter().flatten() {
            print(&format!("{}: {}", key.replace('_', " "), item.as_str().unwrap_or_default()))?;
        }
    }
    let rows: Vec<Vec<String>> = value["members"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|member| {
            let text = |key: &str| member[key].as_str().unwrap_or_default().to_owned();
            let needs: Vec<&str> =
                member["needs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let size = terminal::size(member["size"].as_u64().unwrap_or(0));
            vec![text("name"), size, text("machine"), needs.join(" ")]
        })
        .collect();
    terminal::table(&rows).iter().try_for_each(|line| print(line))
}
