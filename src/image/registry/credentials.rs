//! Who the user is to a registry: docker's configuration file and the helpers it names.

use std::collections::HashMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::index::Variables;
use crate::report::{Code, Error, Result};

/// How a user proves to be one. Debug output shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    Password {
        user: String,
        password: String,
    },
    /// An identity token, to be traded for others.
    Token(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// The value of an Authorization header, of those with a password.
    pub fn basic(&self) -> Option<String> {
        match self {
            Self::Password { user, password } => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
            Self::Token(_) => None,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigFile {
    auths: HashMap<String, Auth>,
    cred_helpers: HashMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase", default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// What a helper prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Said {
    username: String,
    secret: String,
}

/// The key of docker's own registry in its files.
const DOCKER_KEY: &str = "https://index.docker.io/v1/";

/// The credentials for `host` that the first of the files has: `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG`,
/// podman's, `~/.docker/config.json`.
///
/// # Errors
/// [`Code::Config`] when a file does not parse or a helper fails.
pub fn find(host: &str, variables: &Variables) -> Result<Option<Credentials>> {
    let below = |name: &str, rest: &str| variables.get(name).map(|folder| PathBuf::from(folder).join(rest));
    let files = [
        variables.get("REGISTRY_AUTH_FILE").map(PathBuf::from),
        below("DOCKER_CONFIG", "config.json"),
        below("XDG_RUNTIME_DIR", "containers/auth.json"),
        below("HOME", ".config/containers/auth.json"),
        below("HOME", ".docker/config.json"),
    ];
    for path in files.into_iter().flatten() {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let config: ConfigFile = serde_json::from_str(&text).map_err(|error| {
            Error::new(Code::Config, format!("cannot read `{}`", path.display())).cause(error.to_string())
        })?;
        if let Some(found) = of_config(&config, host, variables)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn of_config(config: &ConfigFile, host: &str, variables: &Variables) -> Result<Option<Credentials>> {
    let keys = match host {
        "docker.io" => vec![DOCKER_KEY, "docker.io", "index.docker.io", "registry-1.docker.io"],
        _ => vec![host],
    };
    for key in &keys {
        if let Some(helper) = config.cred_helpers.get(*key) {
            return ask(helper, key, variables);
        }
    }
    let matching = config.auths.iter().find(|(name, _)| {
        let bare = name.trim_start_matches("https://").trim_start_matches("http://");
        let bare = bare.split('/').next().unwrap_or(bare);
        keys.iter().any(|key| *name == key || bare == *key)
    });
    if let Some((_, auth)) = matching
        && let Some(found) = of_auth(auth)
    {
        return Ok(Some(found));
    }
    match &config.creds_store {
        Some(store) => ask(store, keys[0], variables),
        None => Ok(None),
    }
}

fn of_auth(auth: &Auth) -> Option<Credentials> {
    if let Some(token) = auth.identitytoken.as_ref().filter(|token| !token.is_empty()) {
        return Some(Credentials::Token(token.clone()));
    }
    if let (Some(user), Some(password)) = (&auth.username, &auth.password) {
        return Some(Credentials::Password { user: user.clone(), password: password.clone() });
    }
    let decoded = STANDARD.decode(auth.auth.as_deref()?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    let password = password.trim_end_matches('\0');
    Some(Credentials::Password { user: user.to_owned(), password: password.to_owned() })
}

/// Asks `docker-credential-HELPER`, which gets the server on its standard input.
fn ask(helper: &str, server: &str, variables: &Variables) -> Result<Option<Credentials>> {
    let program = format!("docker-credential-{helper}");
    let failed = |why: String| {
        Error::new(Code::Config, format!("`{program}` cannot be asked for credentials")).cause(why)
    };
    let output = duct::cmd(&program, ["get"])
        .full_env(variables.iter())
        .stdin_bytes(server)
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // The words every helper uses when it knows nobody.
        if said.to_ascii_lowercase().contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed(format!("it ended with {}", output.status)));
    }
    // What does not parse is not shown: it may hold a secret.
    let said: Said =
        serde_json::from_slice(&output.stdout).map_err(|_| failed("it said no JSON".to_owned()))?;
    Ok(Some(match said.username.as_str() {
        "<token>" => Credentials::Token(said.secret),
        _ => Credentials::Password { user: said.username, password: said.secret },
    }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_and_helpers_are_asked_for_the_host_only() {
        let folder = tempfile::tempdir().unwrap();
        let helper = folder.path().join("docker-credential-mine");
        let script = "#!/bin/sh\nread -r server\ncase $server in\n\
            helped.test) echo '{\"ServerURL\":\"\",\"Username\":\"me\",\"Secret\":\"s\"}';;\n\
            token.test) echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}';;\n\
            *) echo 'credentials not found in native keychain'; exit 1;;\nesac\n";
        std::fs::write(&helper, script).unwrap();
        std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
        let config = format!(
            r#"{{"auths":{{"https://a.test/v1/":{{"auth":"{}"}},"b.test:5000":{{"identitytoken":"i"}}}},"credHelpers":{{"helped.test":"mine"}},"credsStore":"mine"}}"#,
            STANDARD.encode("u:p:w")
        );
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let variables: Variables =
            [("DOCKER_CONFIG", folder.path().to_str().unwrap()), ("PATH", &path)].into_iter().collect();
        let password = |user: &str, password: &str| {
            Some(Credentials::Password { user: user.into(), password: password.into() })
        };
        let found = |host: &str| find(host, &variables).unwrap();
        assert_eq!(found("a.test"), password("u", "p:w"));
        assert_eq!(found("b.test:5000"), Some(Credentials::Token("i".into())));
        assert_eq!(found("b.test"), None);
        assert_eq!(found("helped.test"), password("me", "s"));
        assert_eq!(found("token.test"), Some(Credentials::Token("t".into())));
        assert_eq!(format!("{:?}", found("a.test")), "Some(Credentials)");
    }
}
