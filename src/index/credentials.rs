//! User names and passwords for indexes: kept apart from addresses, so that no address shows them.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::Variables;

/// What is known of users and passwords. Debug output names hosts only.
#[derive(Clone, Default)]
pub struct Credentials {
    known: Vec<Known>,
    netrc: Vec<Machine>,
}

#[derive(Clone)]
struct Known {
    origin: url::Origin,
    path: String,
    user: String,
    password: String,
}

#[derive(Clone, Default)]
struct Machine {
    /// None for `default`.
    host: Option<String>,
    user: String,
    password: String,
}

impl Credentials {
    /// What the netrc file says (`NETRC`, else `~/.netrc` and `~/_netrc`); an unreadable one says nothing.
    pub fn new(variables: &Variables) -> Self {
        let home = variables.get("HOME").map(Path::new);
        let candidates = match variables.get("NETRC") {
            Some(path) => vec![PathBuf::from(path)],
            None => home.map_or_else(Vec::new, |home| vec![home.join(".netrc"), home.join("_netrc")]),
        };
        let text = candidates.iter().find_map(|path| std::fs::read_to_string(path).ok());
        Self { known: Vec::new(), netrc: text.map_or_else(Vec::new, |text| parse_netrc(&text)) }
    }

    /// Remembers a user and password for everything below `url`.
    pub fn add(&mut self, url: &Url, user: &str, password: &str) {
        self.known.push(Known {
            origin: url.origin(),
            path: url.path().to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
        });
    }

    /// Remembers the userinfo of `url` and gives the address without it.
    pub fn take_from(&mut self, mut url: Url) -> Url {
        if url.username().is_empty() && url.password().is_none() {
            return url;
        }
        let decoded = |text: &str| percent_decode(text);
        let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
        self.add(&url, &user, &password);
        // An address that carried userinfo is of a kind that may also lose it.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url
    }

    /// The value of `Authorization` for `url`: the longest matching address of its origin (scheme,
    /// host and port), else any of that origin, else the netrc entry of its host.
    pub fn header(&self, url: &Url) -> Option<String> {
        let (user, password) = self.find(url, true)?;
        Some(basic(user, password))
    }

    /// The same for a host that a server chose (a redirect): the `default` of netrc, which fits any
    /// host, is not for it.
    pub fn header_of_named_host(&self, url: &Url) -> Option<String> {
        let (user, password) = self.find(url, false)?;
        Some(basic(user, password))
    }

    /// The user that is known for `url` without a password: one for a keyring to complete.
    pub fn user_without_password(&self, url: &Url) -> Option<&str> {
        self.find(url, false)
            .filter(|(user, password)| !user.is_empty() && password.is_empty())
            .map(|(user, _)| user)
    }

    /// `url` with its user and password in it, for an environment variable.
    pub fn put_into(&self, url: &Url) -> Url {
        let mut url = url.clone();
        if let Some((user, password)) = self.find(&url, true) {
            let (user, password) = (user.to_owned(), password.to_owned());
            let _ = url.set_username(&user);
            let _ = url.set_password(Some(&password).filter(|p| !p.is_empty()).map(String::as_str));
        }
        url
    }

    fn find(&self, url: &Url, any_host: bool) -> Option<(&str, &str)> {
        let origin = url.origin();
        let of_origin = self.known.iter().filter(|known| known.origin == origin);
        let best = of_origin
            .max_by_key(|known| if url.path().starts_with(&known.path) { known.path.len() + 1 } else { 0 });
        if let Some(known) = best {
            return Some((&known.user, &known.password));
        }
        let host = url.host_str()?;
        let machine = self.netrc.iter().find(|machine| match &machine.host {
            Some(named) => named.eq_ignore_ascii_case(host),
            None => any_host,
        })?;
        Some((&machine.user, &machine.password))
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.known.iter().map(|known| known.origin.ascii_serialization())).finish()
    }
}

/// The value of `Authorization` for this user.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The machines of a netrc file in order. Tokens are separated by white space, may be quoted, and
/// `#` begins a comment where no value is due; macro definitions (`macdef` up to an empty line) are skipped.
fn parse_netrc(text: &str) -> Vec<Machine> {
    let mut tokens = Vec::new();
    let mut in_macro = false;
    for line in text.lines() {
        if in_macro {
            in_macro = !line.trim().is_empty();
            continue;
        }
        let value_due = |tokens: &[String]| {
            tokens
                .last()
                .is_some_and(|last| ["machine", "login", "user", "password"].contains(&last.as_str()))
        };
        let mut rest = line.trim_start();
        while !rest.is_empty() && (!rest.starts_with('#') || value_due(&tokens)) {
            let token;
            (token, rest) = next_token(rest);
            if token == "macdef" {
                in_macro = true;
                break;
            }
            tokens.push(token);
        }
    }
    let mut machines: Vec<Machine> = Vec::new();
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        match token.as_str() {
            "machine" => machines.push(Machine { host: tokens.next(), ..Machine::default() }),
            "default" => machines.push(Machine::default()),
            "login" | "user" | "password" => {
                let value = tokens.next().unwrap_or_default();
                if let Some(machine) = machines.last_mut() {
                    let place = if token == "password" { &mut machine.password } else { &mut machine.user };
                    *place = value;
                }
            }
            "account" => drop(tokens.next()),
            _ => {}
        }
    }
    machines.retain(|machine| !machine.user.is_empty() || !machine.password.is_empty());
    machines
}

/// The first token of `text`, which starts with one, and what follows the white space behind it.
fn next_token(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return (text[..end].to_owned(), text[end..].trim_start());
    };
    let mut token = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => token.extend(chars.next()),
            c => token.push(c),
        }
    }
    (token, chars.as_str().trim_start())
}

/// `%40` → `@`. What is no escape stays as it is.
pub(super) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()))
            .flatten();
        out.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn userinfo_leaves_the_address_and_serves_its_origin_only() {
        let mut credentials = Credentials::default();
        let bare = credentials.take_from(url("https://me:p%40ss@host.test/simple/"));
        assert_eq!(bare.as_str(), "https://host.test/simple/");
        let header = credentials.header(&url("https://host.test/files/a.whl")).unwrap();
        assert_eq!(header, format!("Basic {}", STANDARD.encode("me:p@ss")));
        for other in ["http://host.test/simple/", "https://host.test:8443/", "https://other.test/simple/"] {
            assert_eq!(credentials.header(&url(other)), None, "{other}");
        }
        assert_eq!(credentials.put_into(&bare).as_str(), "https://me:p%40ss@host.test/simple/");
    }

    #[test]
    fn the_longest_path_wins() {
        let mut credentials = Credentials::default();
        credentials.add(&url("https://host.test/"), "a", "1");
        credentials.add(&url("https://host.test/team/"), "b", "2");
        let header = |text| credentials.header(&url(text)).unwrap();
        assert_eq!(header("https://host.test/team/x/"), format!("Basic {}", STANDARD.encode("b:2")));
        assert_eq!(header("https://host.test/other/"), format!("Basic {}", STANDARD.encode("a:1")));
    }

    #[test]
    fn netrc_with_quotes_macros_comments_and_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("netrc");
        let text = "# mine\nmachine a.test login me password \"s p#\\\"x\"\nmacdef init\nmachine evil.test\n\n\
            machine b.test\n  login you # note\n  password #hash\ndefault login any password all\n";
        std::fs::write(&path, text).unwrap();
        let variables = [("NETRC", path.to_str().unwrap())].into_iter().collect();
        let credentials = Credentials::new(&variables);
        let header = |text| credentials.header(&url(text)).unwrap();
        assert_eq!(header("https://A.test/x"), format!("Basic {}", STANDARD.encode("me:s p#\"x")));
        assert_eq!(header("https://evil.test/"), format!("Basic {}", STANDARD.encode("any:all")));
    }

    #[test]
    fn escapes_decode_and_others_stay() {
        assert_eq!(percent_decode("a%2Bb%20c%zz%4"), "a+b c%zz%4");
        assert_eq!(percent_decode("100%é"), "100%é");
    }
}
