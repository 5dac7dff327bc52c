//! JSON whose bytes depend on its content alone.

use serde::Serialize;
use serde_json::Value;

use crate::report::{Error, Result};

/// `value` with sorted keys, two blanks of indentation and a newline at the end.
pub(super) fn canonical(value: &impl Serialize) -> Result<String> {
    let mut value: Value = serde_json::to_value(value)
        .map_err(|error| Error::bug(format!("a document does not serialise: {error}")))?;
    value.sort_all_objects();
    // A `Value` has string keys only, so it always serialises.
    let text = serde_json::to_string_pretty(&value)
        .map_err(|error| Error::bug(format!("a document does not serialise: {error}")))?;
    Ok(text + "\n")
}
