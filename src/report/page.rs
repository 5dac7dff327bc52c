//! Reports for people: one HTML file that needs no other, no script and no network.

use std::fmt::Write as _;

/// Light and dark; colours by what became of something. Everything a report draws is below `svg` or
/// `table`.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1d2129;--soft:#667;--paper:#fff;--line:#d8dce3}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ec;--soft:#99a;--paper:#16181d;--line:#363b45}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;max-width:75rem;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
p.facts{color:var(--soft)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem;border-bottom:1px solid var(--line)}
th{font-weight:600}td.number,th.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td{overflow-wrap:anywhere}td:nth-child(2){white-space:nowrap}code{font-family:ui-monospace,monospace;font-size:.9em}
.wide{overflow-x:auto}svg{width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif;fill:var(--ink)}
svg text.on{fill:#10131a}.soft{color:var(--soft)}
.c0{fill:#7fb2e5;background:#7fb2e5}.c1{fill:#8fcf9f;background:#8fcf9f}.c2{fill:#f2c46d;background:#f2c46d}
.c3{fill:#c3a6e0;background:#c3a6e0}.c4{fill:#9ed0cf;background:#9ed0cf}.c5{fill:#c9ced6;background:#c9ced6}
.c6{fill:#e8a0b4;background:#e8a0b4}.c7{fill:#e5604d;background:#e5604d}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.35em}
";

/// How many colours there are, called `c0` and so on.
pub const COLOURS: usize = 8;

/// A page that grows from top to bottom.
#[derive(Debug)]
pub struct Page {
    text: String,
}

impl Page {
    /// An empty page.
    pub fn new(title: &str) -> Self {
        let title = escape(title);
        let text = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n<h1>{title}</h1>\n"
        );
        Self { text }
    }

    pub fn heading(&mut self, text: &str) {
        self.raw(&format!("<h2>{}</h2>\n", escape(text)));
    }

    /// A line below a heading.
    pub fn facts(&mut self, text: &str) {
        self.raw(&format!("<p class=\"facts\">{}</p>\n", escape(text)));
    }

    /// A table. Columns whose heading begins with `#` hold numbers.
    pub fn table(&mut self, headings: &[&str], rows: &[Vec<String>]) {
        let class = |column: usize| {
            let is_number = headings.get(column).is_some_and(|heading| heading.starts_with('#'));
            if is_number { " class=\"number\"" } else { "" }
        };
        let mut text = "<div class=\"wide\"><table>\n<tr>".to_owned();
        for (column, heading) in headings.iter().enumerate() {
            let _ = write!(text, "<th{}>{}</th>", class(column), escape(heading.trim_start_matches('#')));
        }
        text.push_str("</tr>\n");
        for row in rows {
            text.push_str("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let _ = write!(text, "<td{}>{}</td>", class(column), escape(cell).replace('\n', "<br>"));
            }
            text.push_str("</tr>\n");
        }
        text.push_str("</table></div>\n");
        self.raw(&text);
    }

    /// What the colours mean: number and name.
    pub fn key(&mut self, names: &[(usize, &str)]) {
        let keys = names.iter().map(|(colour, name)| {
            format!("<span class=\"key c{}\"></span>{} &nbsp; ", colour % COLOURS, escape(name))
        });
        self.raw(&format!("<p>{}</p>\n", keys.collect::<String>()));
    }

    /// HTML as it is; what comes from elsewhere in it has been through [`escape`].
    pub fn raw(&mut self, html: &str) {
        self.text.push_str(html);
    }

    /// The whole file.
    pub fn finish(self) -> String {
        self.text
    }
}

/// A rectangle of an SVG with what the pointer shows over it, and a word on it where there is room.
/// Place and size are in units of the drawing, in which a letter is about 6 wide.
pub fn rectangle(place: [f64; 4], colour: usize, word: &str, title: &str) -> String {
    let [x, y, width, height] = place;
    let mut text = format!(
        "<g><title>{}</title><rect class=\"c{}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" \
         stroke=\"var(--paper)\" stroke-width=\".6\"/>",
        escape(title),
        colour % COLOURS,
        width.max(0.4),
        height.max(0.4),
    );
    let room = ((width - 6.0) / 6.0).max(0.0) as usize;
    if room >= 3 && height >= 13.0 {
        let word: String = word.chars().take(room).collect();
        let _ = write!(
            text,
            "<text class=\"on\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + 3.0,
            y + 11.0,
            escape(&word)
        );
    }
    text.push_str("</g>\n");
    text
}

/// Text as HTML shows it, between tags and in attributes. Control characters, which no page may hold,
/// are left out.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_elsewhere_becomes_markup() {
        let mut page = Page::new("<script>");
        page.heading("a & b");
        page.facts("\"quoted\"\u{1b}[31m");
        page.table(&["name", "#size"], &[vec!["<img src=x onerror='1'>".into(), "1".into()]]);
        page.raw(&rectangle([0.0, 0.0, 100.0, 20.0], 9, "<b>", "</title>"));
        let text = page.finish();
        assert!(!text.contains("<script") && !text.contains("<img") && !text.contains("<b>"), "{text}");
        assert!(text.contains("&lt;b&gt;") && text.contains("&quot;quoted&quot;[31m"));
        assert!(text.contains("<td class=\"number\">1</td>") && text.contains("class=\"c1\""));
        // It stands alone.
        assert!(!text.contains("http") && !text.contains("src=x\""), "{text}");
    }
}
