//! Images in registries that want to know who asks: tokens, helpers of docker's configuration, and
//! redirects to hosts that are none of the user's business.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

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

/// What a registry has and what is on its way there.
#[derive(Default)]
struct Stock {
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: BTreeMap<String, Vec<u8>>,
    uploads: Vec<Vec<u8>>,
    /// Later parts of an upload fail.
    broken: bool,
}

/// A registry that keeps uploads as the specification says ("Pushing a blob in chunks").
fn keeping(stock: Arc<Mutex<Stock>>) -> Answering {
    Answering::start(move |asked: &Asked, _| {
        let mut stock = stock.lock().unwrap();
        let path = asked.path.split('?').next().unwrap();
        let Some(rest) = path.strip_prefix("/v2/team/app/") else { return (200, Vec::new(), b"{}".to_vec()) };
        if let Some(version) = rest.strip_prefix("manifests/") {
            return match asked.method.as_str() {
                "PUT" => {
                    stock.manifests.insert(version.to_owned(), asked.body.clone());
                    (201, Vec::new(), Vec::new())
                }
                _ => not_found(),
            };
        }
        let Some(upload) = rest.strip_prefix("blobs/uploads/") else {
            let known = stock.blobs.contains_key(rest.trim_start_matches("blobs/"));
            return if known { (200, Vec::new(), Vec::new()) } else { not_found() };
        };
        if asked.method == "POST" {
            stock.uploads.push(Vec::new());
            let place = format!("/v2/team/app/blobs/uploads/{}", stock.uploads.len() - 1);
            return (202, vec![("location", place)], Vec::new());
        }
        let number: usize = upload.parse().unwrap();
        let broken = stock.broken;
        let data = &mut stock.uploads[number];
        if asked.method == "PATCH" {
            let from = asked.header("content-range").unwrap().split('-').next().unwrap();
            match from.parse() {
                Ok(0_usize) => {}
                Ok(_) if broken => return (503, Vec::new(), Vec::new()),
                Ok(from) if from == data.len() => {}
                _ => return (416, Vec::new(), Vec::new()),
            }
        }
        data.extend(&asked.body);
        let range = format!("0-{}", data.len().saturating_sub(1));
        match asked.method.as_str() {
            "GET" => (204, vec![("location", path.to_owned()), ("range", range)], Vec::new()),
            "PATCH" => (202, vec![("location", path.to_owned()), ("range", range)], Vec::new()),
            _ => {
                let digest = asked.path.split("digest=").nth(1).unwrap().replace("%3A", ":");
                if digest != format!("sha256:{}", common::sha256_of(data)) {
                    return (400, Vec::new(), br#"{"errors":[{"code":"DIGEST_INVALID"}]}"#.to_vec());
                }
                let data = std::mem::take(data);
                stock.blobs.insert(digest, data);
                (201, Vec::new(), Vec::new())
            }
        }
    })
}

#[test]
fn the_next_push_goes_on_in_the_middle_of_a_blob() {
    let room = scene();
    // More than one part when it is packed.
    room.write("src/large.bin", noise(30 << 20));
    let stock = Arc::new(Mutex::new(Stock { broken: true, ..Stock::default() }));
    let registry = keeping(stock.clone());
    let place = format!("registry:{}/team/app:1", registry.host());
    let push =
        || room.wheelbuild(["image", "--target", "linux/amd64", "-v"]).args(ALL).args(["-o", &place]).ran();
    push().failed(5, "WB0640");
    assert!(stock.lock().unwrap().manifests.is_empty(), "no image without its blobs");
    stock.lock().unwrap().broken = false;
    let before = registry.asked().len();
    let ran = push().succeeded();
    assert!(ran.stderr.contains("at 16777216 of"), "{ran}");
    let parts: Vec<String> = registry.asked()[before..]
        .iter()
        .filter(|asked| asked.method == "PATCH")
        .map(|asked| asked.header("content-range").unwrap().to_owned())
        .collect();
    assert!(parts.len() == 1 && parts[0].starts_with("16777216-"), "{parts:?}");
    let stock = stock.lock().unwrap();
    assert!(stock.manifests.contains_key("1"));
    for (digest, data) in &stock.blobs {
        assert_eq!(*digest, format!("sha256:{}", common::sha256_of(data)));
    }
}
