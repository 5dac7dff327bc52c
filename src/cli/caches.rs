//! The cache with the shared ones behind it, as flags, variables and configuration name them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::typed::{Caches, Global};
use super::{Context, ready};
use crate::cache::remote::{Remotes, Settings, SigningKey, Store};
use crate::cache::{Cache, Digest};
use crate::config::{Config, OneOrMany};
use crate::image::registry::RegistryCache;
use crate::lock::Lock;
use crate::report::{Error, Result};

/// Opens the local cache with the shared ones of `typed`, else of `config`, behind it. A hermetic run
/// has none.
///
/// # Errors
/// What opening the local one says; [`Code::Usage`](crate::report::Code::Usage) and
/// [`Code::CacheKey`](crate::report::Code::CacheKey) for what cannot be read. No store is asked.
pub fn open(typed: &Caches, context: &Context, config: &Config) -> Result<Cache> {
    let global = &context.global;
    let cache = Cache::open(&ready::cache_dir(global, config)?)?;
    if global.hermetic {
        return Ok(cache);
    }
    let here = std::env::current_dir().map_err(|error| Error::io("open", Path::new("."), &error))?;
    let settings = settings(typed, global, config)?;
    Ok(cache.with_remotes(Remotes::new(&settings, &here, &context.report)?))
}

fn settings(typed: &Caches, global: &Global, config: &Config) -> Result<Settings> {
    let keys = values(&typed.cache_key, config.cache_keys.as_ref());
    let configured = || config.cache_signing_key.as_ref().map(|path| path.to_string_lossy().into_owned());
    let signing_key = typed.cache_signing_key.clone().filter(|text| !text.is_empty()).or_else(configured);
    let locks: Vec<PathBuf> = match typed.cache_lock.is_empty() {
        true => values(&[], config.cache_locks.as_ref()).into_iter().map(PathBuf::from).collect(),
        false => typed.cache_lock.clone(),
    };
    Ok(Settings {
        caches: values(&typed.cache, config.cache.as_ref()),
        trusted: values(&typed.trust_cache, config.trust_cache.as_ref()),
        keys: keys.iter().map(|text| text.parse()).collect::<Result<_>>()?,
        signing_key: signing_key.map(|text| SigningKey::read(&text)).transpose()?.map(Arc::new),
        known: known(&locks)?,
        answer: typed
            .cache_timeout
            .or(config.cache_timeout)
            .map(|seconds| Duration::from_secs(seconds.max(1))),
        insecure: typed.insecure_cache || config.insecure_cache.unwrap_or(false),
        offline: global.offline || config.offline.unwrap_or(false),
        registry: Some(|name, insecure, report| {
            let cache = RegistryCache::new(name, insecure, report)?;
            Ok(Box::new(cache) as Box<dyn Store>)
        }),
    })
}

/// Every sha256 that `locks` name.
fn known(locks: &[PathBuf]) -> Result<BTreeSet<Digest>> {
    let mut known = BTreeSet::new();
    for path in locks {
        let lock = Lock::read(path, None)?;
        for package in &lock.packages {
            let of_files = package.files.iter().flat_map(|file| &file.hashes);
            for (kind, value) in of_files.chain(&package.bare_hashes) {
                if kind == "sha256"
                    && let Ok(digest) = value.parse()
                {
                    known.insert(digest);
                }
            }
        }
    }
    Ok(known)
}

/// What is typed, else what is configured; empty words, of an empty variable, are none.
fn values(typed: &[String], configured: Option<&OneOrMany>) -> Vec<String> {
    let typed: Vec<String> = typed.iter().filter(|text| !text.is_empty()).cloned().collect();
    if typed.is_empty() { configured.map(OneOrMany::values).unwrap_or_default() } else { typed }
}
