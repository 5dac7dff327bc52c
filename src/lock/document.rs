//! A TOML lock as a tree of values that know where they stand, so that whatever is wrong with one
//! is told with file, line and package.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::report::{Code, Error, Result};

/// Text with the name of its file, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'d> {
    pub file: &'d Path,
    pub text: &'d str,
}

impl<'d> Text<'d> {
    /// The whole document.
    pub fn parse(self) -> Result<Spanned<DeTable<'d>>> {
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let headline = format!("`{}` is not valid TOML", self.name());
            self.place(at, Error::new(Code::BadLock, headline)).cause(error.message().to_owned())
        })
    }

    /// The file name, or the whole path where it has none.
    pub fn name(&self) -> String {
        self.file
            .file_name()
            .map_or_else(|| self.file.display().to_string(), |name| name.to_string_lossy().into_owned())
    }

    /// The number of the line that holds byte `at`, from 1.
    pub fn line(&self, at: usize) -> usize {
        let at = at.min(self.text.len());
        self.text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// `error` with the place of byte `at` and the line itself.
    pub fn place(&self, at: usize, error: Error) -> Error {
        let line = self.line(at);
        let error = error.cause(format!("{}, line {line}", self.file.display()));
        let shown: String =
            self.text.lines().nth(line - 1).unwrap_or_default().trim().chars().take(160).collect();
        if shown.is_empty() { error } else { error.line(shown) }
    }
}

/// One value of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'d> {
    text: Text<'d>,
    value: &'d Spanned<DeValue<'d>>,
    /// The package it belongs to, for messages.
    package: Option<&'d str>,
}

/// A table of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'d> {
    text: Text<'d>,
    table: &'d DeTable<'d>,
    at: usize,
    package: Option<&'d str>,
}

impl<'d> Table<'d> {
    pub fn root(text: Text<'d>, root: &'d Spanned<DeTable<'d>>) -> Self {
        Self { text, table: root.get_ref(), at: root.span().start, package: None }
    }

    /// The same table, known to be about `package`.
    pub fn about(self, package: &'d str) -> Self {
        Self { package: Some(package), ..self }
    }

    pub fn line(&self) -> usize {
        self.text.line(self.at)
    }

    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    pub fn keys(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.table.iter().map(|(key, _)| key.get_ref().as_ref())
    }

    pub fn entries(self) -> impl Iterator<Item = (&'d str, Node<'d>)> {
        self.table.iter().map(move |(key, value)| {
            (key.get_ref().as_ref(), Node { text: self.text, value, package: self.package })
        })
    }

    fn find(&self, key: &str) -> Option<Node<'d>> {
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Node { text: self.text, value, package: self.package })
    }

    /// The value of `key`, if there is one.
    pub fn get(&self, key: &str) -> Option<Node<'d>> {
        self.find(key)
    }

    pub fn string(&self, key: &str) -> Result<Option<&'d str>> {
        self.find(key).map(|node| node.string(key)).transpose()
    }

    /// A string that must be there.
    pub fn required(&self, key: &str) -> Result<&'d str> {
        match self.string(key)? {
            Some(text) => Ok(text),
            None => Err(self.bad(format!("there is no `{key}`"))),
        }
    }

    pub fn boolean(&self, key: &str) -> Result<Option<bool>> {
        self.find(key).map(|node| node.boolean(key)).transpose()
    }

    /// A whole number that is not negative.
    pub fn number(&self, key: &str) -> Result<Option<u64>> {
        self.find(key).map(|node| node.number(key)).transpose()
    }

    pub fn table(&self, key: &str) -> Result<Option<Table<'d>>> {
        self.find(key).map(|node| node.table(key)).transpose()
    }

    /// The values of a list; none when the key is absent.
    pub fn list(&self, key: &str) -> Result<Vec<Node<'d>>> {
        self.find(key).map_or(Ok(Vec::new()), |node| node.list(key))
    }

    /// The strings of a list; none when the key is absent.
    pub fn strings(&self, key: &str) -> Result<Vec<&'d str>> {
        self.list(key)?.into_iter().map(|node| node.string(key)).collect()
    }

    /// The tables of a list; none when the key is absent.
    pub fn tables(&self, key: &str) -> Result<Vec<Table<'d>>> {
        self.list(key)?.into_iter().map(|node| node.table(key)).collect()
    }

    /// An error about this table.
    pub fn bad(&self, what: impl Into<String>) -> Error {
        bad(self.text, self.package, self.at, &what.into())
    }
}

impl<'d> Node<'d> {
    pub fn string(&self, what: &str) -> Result<&'d str> {
        self.value.get_ref().as_str().ok_or_else(|| self.wrong(what, "string"))
    }

    /// The string, if it is one.
    pub fn as_string(&self) -> Option<&'d str> {
        self.value.get_ref().as_str()
    }

    pub fn boolean(&self, what: &str) -> Result<bool> {
        self.value.get_ref().as_bool().ok_or_else(|| self.wrong(what, "boolean"))
    }

    pub fn number(&self, what: &str) -> Result<u64> {
        let integer = self.value.get_ref().as_integer();
        integer
            .and_then(|integer| u64::from_str_radix(integer.as_str(), integer.radix()).ok())
            .ok_or_else(|| self.wrong(what, "whole number"))
    }

    pub fn table(&self, what: &str) -> Result<Table<'d>> {
        let table = self.as_table();
        table.ok_or_else(|| self.wrong(what, "table"))
    }

    /// The table, if it is one.
    pub fn as_table(&self) -> Option<Table<'d>> {
        let table = self.value.get_ref().as_table()?;
        Some(Table { text: self.text, table, at: self.value.span().start, package: self.package })
    }

    pub fn list(&self, what: &str) -> Result<Vec<Node<'d>>> {
        self.as_list().ok_or_else(|| self.wrong(what, "list"))
    }

    /// The values, if it is a list.
    pub fn as_list(&self) -> Option<Vec<Node<'d>>> {
        let list: &DeArray<'d> = self.value.get_ref().as_array()?;
        Some(list.iter().map(|value| Node { text: self.text, value, package: self.package }).collect())
    }

    /// A date and time, as TOML's own or as text.
    pub fn moment(&self, what: &str) -> Result<String> {
        match self.value.get_ref() {
            DeValue::Datetime(moment) => Ok(moment.to_string()),
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(self.wrong(what, "date")),
        }
    }

    /// An error about this value.
    pub fn bad(&self, what: impl Into<String>) -> Error {
        bad(self.text, self.package, self.value.span().start, &what.into())
    }

    fn wrong(&self, what: &str, wanted: &str) -> Error {
        self.bad(format!("`{what}` is no {wanted} but a {}", self.value.get_ref().type_str()))
    }
}

fn bad(text: Text<'_>, package: Option<&str>, at: usize, what: &str) -> Error {
    let of = package.map_or_else(String::new, |package| format!(", package `{}`", package.escape_debug()));
    text.place(at, Error::new(Code::BadLock, format!("`{}`{of}: {what}", text.name())))
}
