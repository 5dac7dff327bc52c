//! Images in registries that want to know who asks: tokens, helpers of docker's configuration, and
//! redirects to hosts that are none of the user's business.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine;
use common::answering::{Answer, Answering, Asked};
use common::scene::*;
use common::{Ran, Room};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The blobs of a layout by digest.
fn blobs(layout: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(layout.join("blobs/sha256"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (format!("sha256:{}", path.file_name().unwrap().to_str().unwrap()), fs::read(&path).unwrap())
        })
        .collect()
}

fn not_found() -> Answer {
    (404, Vec::new(), b"{}".to_vec())
}

/// A registry with the image `digest`, tagged `1` in `team/base`. Whoever asks needs the token that its
/// realm gives to `user` with `password`; blobs lie at `storage`.
fn registry(
    contents: BTreeMap<String, Vec<u8>>,
    digest: String,
    storage: u16,
    form: &'static str,
) -> Answering {
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("user:pass:word"));
    Answering::start(move |asked: &Asked, address| {
        if let Some(query) = asked.path.strip_prefix("/token") {
            let by_password = form == "password"
                && asked.header("authorization") == Some(&basic)
                && query.contains("service=registry.test")
                && query.contains("scope=repository%3Ateam%2Fbase%3Apull");
            let body = String::from_utf8_lossy(&asked.body).into_owned();
            let by_identity = form == "identity"
                && asked.method == "POST"
                && body.contains("grant_type=refresh_token")
                && body.contains("refresh_token=identity-secret");
            return match (by_password, by_identity) {
                (true, _) => (200, Vec::new(), br#"{"token":"given"}"#.to_vec()),
                (_, true) => (200, Vec::new(), br#"{"access_token":"given"}"#.to_vec()),
                _ => (401, Vec::new(), br#"{"errors":[{"code":"DENIED","message":"who are you"}]}"#.to_vec()),
            };
        }
        if asked.header("authorization") != Some("Bearer given") {
            let challenge = format!(
                r#"Bearer realm="http://{address}/token",service="registry.test",scope="repository:team/base:pull""#
            );
            return (401, vec![("www-authenticate", challenge)], Vec::new());
        }
        if let Some(version) = asked.path.strip_prefix("/v2/team/base/manifests/") {
            let version = if version == "1" { digest.as_str() } else { version };
            return match contents.get(version) {
                Some(bytes) => (200, vec![("content-type", MANIFEST.to_owned())], bytes.clone()),
                None => not_found(),
            };
        }
        match asked.path.strip_prefix("/v2/team/base/blobs/") {
            Some(wanted) => {
                let place = format!("http://localhost:{storage}/{wanted}?signature=1");
                (307, vec![("location", place)], Vec::new())
            }
            None => not_found(),
        }
    })
}

struct Scene {
    room: Room,
    registry: Answering,
    storage: Answering,
}

impl Scene {
    fn new(form: &'static str) -> Self {
        let room = scene();
        let words = ["--interpreter", "tree", "-o", "oci:base", "--no-attest"];
        let digest = image(&room, &words).succeeded().json()["digest"].as_str().unwrap().to_owned();
        let contents = blobs(&room.join("base"));
        // What it holds is to come from the registry.
        fs::remove_dir_all(room.cache()).unwrap();
        let stored = contents.clone();
        let storage = Answering::start(move |asked: &Asked, _| {
            let name = asked.path.trim_start_matches('/').split('?').next().unwrap_or_default().to_owned();
            stored.get(&name).map_or_else(not_found, |bytes| (200, Vec::new(), bytes.clone()))
        });
        let registry = registry(contents, digest, storage.port(), form);
        Self { room, registry, storage }
    }

    fn configured(&self, config: &str) -> Ran {
        self.room.write("docker/config.json", config.replace("HOST", &self.registry.host()));
        let base = format!("{}/team/base:1", self.registry.host());
        let path = format!("{}:{}", self.room.join("bin").display(), std::env::var("PATH").unwrap());
        self.room
            .wheelbuild(["image", "--target", "linux/amd64", "two-2.0-py3-none-any.whl", "-o", "oci:out"])
            .args(["--base", &base, "--json"])
            .env("DOCKER_CONFIG", self.room.join("docker"))
            .env("PATH", path)
            .without("REGISTRY_AUTH_FILE")
            .without("XDG_RUNTIME_DIR")
            .env("HOME", self.room.join("home"))
            .ran()
    }

    /// The blobs came from elsewhere, and nobody there was told who asks.
    fn nothing_leaked(&self) {
        let asked = self.storage.asked();
        assert!(asked.len() >= 2, "configuration and layer lie there");
        for asked in asked {
            assert_eq!(asked.header("authorization"), None, "{}", asked.path);
        }
    }
}

#[test]
fn a_password_becomes_a_token_that_other_hosts_do_not_get() {
    let scene = Scene::new("password");
    let auth = base64::engine::general_purpose::STANDARD.encode("user:pass:word");
    let ran = scene.configured(&format!(r#"{{"auths":{{"HOST":{{"auth":"{auth}"}}}}}}"#)).succeeded();
    assert_eq!(ran.json()["images"][0]["layers"].as_array().unwrap().len(), 3);
    let manifest = document(&scene.room.join("out"), ran.json()["digest"].as_str().unwrap());
    let base = &manifest["annotations"]["org.opencontainers.image.base.name"];
    assert_eq!(*base, format!("{}/team/base:1", scene.registry.host()));
    scene.nothing_leaked();
    let tokens = scene.registry.asked().iter().filter(|asked| asked.path.starts_with("/token")).count();
    assert_eq!(tokens, 1, "a token is asked for once");
}

#[test]
fn a_helper_is_asked_and_an_identity_token_is_traded() {
    for (form, said) in [
        ("password", r#"{"Username":"user","Secret":"pass:word"}"#),
        ("identity", r#"{"Username":"<token>","Secret":"identity-secret"}"#),
    ] {
        let scene = Scene::new(form);
        let host = scene.registry.host();
        let helper = scene.room.write(
            "bin/docker-credential-test",
            format!("#!/bin/sh\nread -r server\n[ \"$1 $server\" = 'get {host}' ] && echo '{said}'\n"),
        );
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(helper, mode).unwrap();
        for config in [r#"{"credHelpers":{"HOST":"test"}}"#, r#"{"credsStore":"test"}"#] {
            let ran = scene.configured(config).succeeded();
            for secret in ["pass:word", "identity-secret", "given"] {
                assert!(!ran.stderr.contains(secret) && !ran.stdout.contains(secret));
            }
        }
        scene.nothing_leaked();
    }
}

#[test]
fn who_is_not_known_is_told_to_log_in() {
    let scene = Scene::new("password");
    let ran = scene.configured("{}").failed(5, "WB0641");
    ran.says("who are you").hints("docker login");
    let ran = scene.configured(r#"{"credsStore":"missing"}"#).failed(2, "WB0104");
    ran.says("docker-credential-missing");
    assert!(!scene.room.join("out").exists());
}
