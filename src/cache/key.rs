//! Keys: named parts and the digest over them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Digest;

/// The digest that names an entry.
pub type Key = Digest;

/// Everything that can change the bytes of a result, by name. The parts are kept in the entry, so
/// that `explain` can say what changed between two builds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyParts(BTreeMap<String, String>);

impl KeyParts {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the part `name`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.insert(name.to_owned(), value.to_string());
        self
    }

    /// Adds a part for every pair of `values`, named `prefix.name`.
    #[must_use]
    pub fn with_all<'a>(
        mut self,
        prefix: &str,
        values: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Self {
        for (name, value) in values {
            self.0.insert(format!("{prefix}.{name}"), value.clone());
        }
        self
    }

    /// The digest over all parts. Lengths are hashed too, so that no two sets of parts meet.
    pub fn key(&self) -> Key {
        let mut text = String::from("wheelbuild key 1\n");
        for (name, value) in &self.0 {
            text.push_str(&format!("{} {name} {} {value}\n", name.len(), value.len()));
        }
        Digest::of(text)
    }

    /// The parts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The parts in which `self` and `older` differ: name, older value, newer value.
    pub fn differences<'a>(&'a self, older: &'a Self) -> Vec<(&'a str, Option<&'a str>, Option<&'a str>)> {
        let names: std::collections::BTreeSet<&str> =
            self.0.keys().chain(older.0.keys()).map(String::as_str).collect();
        names
            .into_iter()
            .map(|name| (name, older.get(name), self.get(name)))
            .filter(|(_, old, new)| old != new)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_depends_on_every_part_and_not_on_their_order() {
        let one = KeyParts::new().with("a", 1).with("b", 2);
        assert_eq!(one.key(), KeyParts::new().with("b", 2).with("a", 1).key());
        assert_ne!(one.key(), KeyParts::new().with("a", 1).key());
        assert_ne!(one.key(), KeyParts::new().with("a", 2).with("b", 2).key());
        assert_ne!(KeyParts::new().with("a", "b 1 c").key(), KeyParts::new().with("a b", "1 c").key());
    }

    #[test]
    fn differences_name_what_changed() {
        let old = KeyParts::new().with("a", 1).with("b", 2);
        let new = KeyParts::new().with("a", 1).with("b", 3).with("c", 4);
        assert_eq!(new.differences(&old), [("b", Some("2"), Some("3")), ("c", None, Some("4"))]);
    }
}
