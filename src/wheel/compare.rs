//! What tells two wheels apart: the answer of `verify` when a rebuild gives other bytes.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::unzip::{self, Entry};
use crate::archive::{Limits, ZipReader};
use crate::report::Result;

/// One way in which two wheels differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "difference", rename_all = "kebab-case")]
pub enum Difference {
    /// Only the first wheel has the member.
    OnlyFirst { member: String },
    /// Only the second wheel has the member.
    OnlySecond { member: String },
    /// The data differ, first at byte `at`.
    Content { member: String, at: usize, first_size: usize, second_size: usize },
    /// The permissions differ.
    Mode { member: String, first: u32, second: u32 },
    /// One is deflated and the other stored.
    Compression { member: String },
    /// The time stamps differ.
    Time { member: String, first: String, second: String },
    /// The members that both have stand in another order, first so at `member` of the first wheel.
    Order { member: String },
    /// All members are equal in everything above; the compressed data or the headers differ.
    Container,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnlyFirst { member } => write!(f, "`{member}` is only in the first"),
            Self::OnlySecond { member } => write!(f, "`{member}` is only in the second"),
            Self::Content { member, at, first_size, second_size } => {
                write!(f, "`{member}` differs from byte {at} on ({first_size} and {second_size} bytes)")
            }
            Self::Mode { member, first, second } => {
                write!(f, "`{member}` has the mode {first:04o} and {second:04o}")
            }
            Self::Compression { member } => write!(f, "`{member}` is compressed in one only"),
            Self::Time { member, first, second } => write!(f, "`{member}` is of {first} and of {second}"),
            Self::Order { member } => write!(f, "the order of members differs from `{member}` on"),
            Self::Container => write!(f, "the members are equal, the archives around them differ"),
        }
    }
}

/// What tells the wheel `first` from `second`, by member in byte order; nothing when they are the
/// same to the byte.
///
/// # Errors
/// When one of them cannot be read as a zip.
pub fn compare(first: &[u8], second: &[u8]) -> Result<Vec<Difference>> {
    if first == second {
        return Ok(Vec::new());
    }
    let read = |bytes: &[u8]| unzip::members(&ZipReader::from_bytes(bytes.to_vec(), &Limits::default())?);
    let (first, second) = (read(first)?, read(second)?);
    let index = |entries: &[Entry]| -> BTreeMap<String, usize> {
        entries.iter().enumerate().map(|(at, entry)| (entry.member.name.clone(), at)).collect()
    };
    let (in_first, in_second) = (index(&first), index(&second));
    let mut differences = Vec::new();
    for (name, at) in &in_first {
        match in_second.get(name) {
            Some(other) => compare_entries(&first[*at], &second[*other], &mut differences),
            None => differences.push(Difference::OnlyFirst { member: name.clone() }),
        }
    }
    let missing = in_second.keys().filter(|name| !in_first.contains_key(*name));
    differences.extend(missing.map(|name| Difference::OnlySecond { member: name.clone() }));

    let common = |entries: &'_ [Entry], other: &BTreeMap<String, usize>| -> Vec<String> {
        entries
            .iter()
            .map(|entry| entry.member.name.clone())
            .filter(|name| other.contains_key(name))
            .collect()
    };
    let (one, two) = (common(&first, &in_second), common(&second, &in_first));
    if let Some((member, _)) = one.iter().zip(&two).find(|(one, two)| one != two) {
        differences.push(Difference::Order { member: member.clone() });
    }
    if differences.is_empty() {
        differences.push(Difference::Container);
    }
    Ok(differences)
}

fn compare_entries(first: &Entry, second: &Entry, differences: &mut Vec<Difference>) {
    let member = || first.member.name.clone();
    let (one, two) = (&first.member.data, &second.member.data);
    if one != two {
        let at = one.iter().zip(two).position(|(a, b)| a != b).unwrap_or(one.len().min(two.len()));
        let (first_size, second_size) = (one.len(), two.len());
        differences.push(Difference::Content { member: member(), at, first_size, second_size });
    } else if first.method != second.method {
        differences.push(Difference::Compression { member: member() });
    }
    if first.mode != second.mode {
        differences.push(Difference::Mode { member: member(), first: first.mode, second: second.mode });
    }
    if first.time != second.time {
        let (first, second) = (first.time.to_string(), second.time.to_string());
        differences.push(Difference::Time { member: member(), first, second });
    }
}
