//! `toolchains/system_programs.toml`, whose head explains the fields.

use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[cfg_attr(not(test), allow(dead_code, reason = "a test compares it with the names in code"))]
    pub program: Vec<Program>,
    pub truthful: Vec<Truthful>,
    pub answer: Vec<Answer>,
    pub uname: Vec<Uname>,
    pub dpkg_architecture: Vec<Variable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), allow(dead_code, reason = "a test compares it with the names in code"))]
pub struct Program {
    pub name: String,
    #[serde(default)]
    pub where_present: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truthful {
    pub caller: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub program: String,
    pub args: Vec<String>,
    pub libc: Option<String>,
    pub text: String,
    #[serde(default)]
    pub code: i32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uname {
    pub letter: String,
    pub long: Vec<String>,
    pub text: String,
    #[serde(default)]
    pub unless_all: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    pub name: String,
    pub text: String,
}

/// The table, read at the first question.
pub static TABLE: LazyLock<Result<Table, toml::de::Error>> =
    LazyLock::new(|| toml::from_str(include_str!("../../../../toolchains/system_programs.toml")));
