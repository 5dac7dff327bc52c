//! `inspect IMAGE --html FILE`: an image as a page, by layer and package.

use serde_json::Value;

use super::terminal;
use crate::report::page::{Page, escape, rectangle};
use crate::report::treemap;

/// The drawing, in its own units, and the line above the contents of a layer.
const WIDTH: f64 = 1100.0;
const HEIGHT: f64 = 520.0;
const TITLE: f64 = 15.0;

/// The page of what `inspect` describes.
pub fn page(value: &Value, name: &str) -> String {
    let mut page = Page::new(&format!("Image {name}"));
    for image in items(&value["images"]) {
        let packed: u64 = items(&image["layers"]).iter().filter_map(|layer| layer["size"].as_u64()).sum();
        let unpacked = items(&image["layers"]).iter().filter_map(|layer| layer["unpacked"].as_u64()).sum();
        page.heading(text(&image["platform"]));
        page.facts(&format!(
            "{} packed, {} unpacked · {} · {}",
            terminal::size(packed),
            terminal::size(unpacked),
            text(&image["interpreter"]),
            text(&image["digest"])
        ));
        page.raw(&drawing(image));
        for advice in items(&image["advice"]) {
            page.facts(&format!("advice: {}", text(advice)));
        }
        let layers = items(&image["layers"]).iter().map(|layer| {
            vec![
                text(&layer["title"]).to_owned(),
                bytes(&layer["size"]),
                bytes(&layer["unpacked"]),
                bytes(&layer["hidden"]),
                layer["files"].to_string(),
                text(&layer["digest"]).to_owned(),
            ]
        });
        let headings = ["layer", "#packed", "#unpacked", "#hidden", "#files", "digest"];
        page.table(&headings, &layers.collect::<Vec<_>>());
        let packages: Vec<Vec<String>> = items(&image["packages"])
            .iter()
            .map(|package| {
                let cell = |key: &str| text(&package[key]).to_owned();
                vec![cell("name"), cell("version"), bytes(&package["unpacked"])]
            })
            .collect();
        if !packages.is_empty() {
            page.table(&["package", "version", "#unpacked"], &packages);
        }
    }
    let shared: Vec<Vec<String>> = items(&value["shared"])
        .iter()
        .map(|shared| {
            let by: Vec<&str> = items(&shared["by"]).iter().map(text).collect();
            vec![text(&shared["digest"]).to_owned(), by.join(", ")]
        })
        .collect();
    if !shared.is_empty() {
        page.heading("Shared layers");
        page.table(&["layer", "by"], &shared);
    }
    for difference in items(&value["difference"]) {
        page.heading(&format!("Difference, {}", text(&difference["platform"])));
        page.facts(&summary(difference));
        let changes: Vec<Vec<String>> = items(&difference["packages"]).iter().map(change).collect();
        if !changes.is_empty() {
            page.table(&["package", "there", "here", "#there", "#here"], &changes);
        }
    }
    page.finish()
}

/// One line of what two images share.
pub fn summary(difference: &Value) -> String {
    if let Some(side) = difference["only"].as_str() {
        return format!("only {side}");
    }
    format!(
        "{} here, {} there; {} layers shared, {} to send to where the other is",
        bytes(&difference["size"]["here"]),
        bytes(&difference["size"]["there"]),
        difference["shared_layers"],
        bytes(&difference["to_send"])
    )
}

/// Name, version there and here, size there and here.
pub fn change(change: &Value) -> Vec<String> {
    let (there, here) = (&change["there"], &change["here"]);
    let size = |side: &Value| if side.is_null() { String::new() } else { bytes(&side["unpacked"]) };
    vec![
        text(&change["name"]).to_owned(),
        text(&there["version"]).to_owned(),
        text(&here["version"]).to_owned(),
        size(there),
        size(here),
    ]
}

/// The layers by their unpacked size, in each what it holds.
fn drawing(image: &Value) -> String {
    let mut layers: Vec<(usize, &Value, u64)> = items(&image["layers"])
        .iter()
        .enumerate()
        .map(|(number, layer)| {
            let seen = items(&layer["contents"]).iter().filter_map(|part| part["unpacked"].as_u64()).sum();
            (number, layer, seen)
        })
        .collect();
    layers.sort_by_key(|(number, _, seen)| (std::cmp::Reverse(*seen), *number));
    let sizes: Vec<f64> = layers.iter().map(|(_, _, seen)| *seen as f64).collect();
    let mut drawing = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n");
    for ((number, layer, seen), place) in layers.iter().zip(treemap::areas(&sizes, [0.0, 0.0, WIDTH, HEIGHT]))
    {
        let [x, y, width, height] = place;
        if width <= 0.0 || height <= 0.0 {
            continue;
        }
        let title = format!("{} · {}", text(&layer["title"]), terminal::size(*seen));
        let line = if height > 3.0 * TITLE { TITLE } else { 0.0 };
        if line > 0.0 {
            let room = (width / 6.2) as usize;
            let word: String = title.chars().take(room).collect();
            drawing.push_str(&format!(
                "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                x + 2.0,
                y + 11.0,
                escape(&word)
            ));
        }
        let contents = items(&layer["contents"]);
        let sizes: Vec<f64> =
            contents.iter().map(|part| part["unpacked"].as_u64().unwrap_or(0) as f64).collect();
        let inner = [x + 1.0, y + line, (width - 2.0).max(0.0), (height - line - 1.0).max(0.0)];
        for (part, place) in contents.iter().zip(treemap::areas(&sizes, inner)) {
            let name = text(&part["name"]);
            let says = format!("{name}\n{} of layer {}", bytes(&part["unpacked"]), text(&layer["title"]));
            let word = name.rsplit('/').next().unwrap_or(name);
            drawing.push_str(&rectangle(place, *number, word, &says));
        }
    }
    drawing.push_str("</svg>\n");
    drawing
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn bytes(value: &Value) -> String {
    terminal::size(value.as_u64().unwrap_or(0))
}
