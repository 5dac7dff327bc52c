//! Reading and writing `_sysconfigdata_*.py`: one assignment of a dict of strings and integers.
//!
//! The file is Python, but it is read here and not run: a `--target-python` tree comes from
//! elsewhere, and its interpreter does not start on the build machine.

use std::collections::BTreeMap;
use std::fmt::Write;

/// One value of the sysconfig data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Int(i64),
    Str(String),
}

/// `build_time_vars`, by name.
pub type Variables = BTreeMap<String, Value>;

/// Reads the dict assigned to `build_time_vars`. What follows it is not looked at.
///
/// # Errors
/// What was expected, and at which line.
pub(super) fn parse(text: &str) -> Result<Variables, String> {
    const NAME: &str = "build_time_vars";
    let start = text
        .match_indices(NAME)
        .find(|(at, _)| text[..*at].ends_with('\n') || *at == 0)
        .map(|(at, _)| at + NAME.len())
        .ok_or_else(|| format!("no `{NAME}` in it"))?;
    let mut reader = Reader { text, at: start };
    reader.expect('=')?;
    reader.expect('{')?;
    let mut variables = Variables::new();
    loop {
        if reader.take('}') {
            return Ok(variables);
        }
        let Value::Str(name) = reader.value()? else {
            return Err(reader.wrong("a name in quotes"));
        };
        reader.expect(':')?;
        let value = reader.value()?;
        variables.insert(name, value);
        if !reader.take(',') {
            reader.expect('}')?;
            return Ok(variables);
        }
    }
}

/// Writes `variables` as the module that [`parse`] and Python read.
pub(super) fn render(variables: &Variables) -> String {
    let mut text = String::from(
        "# system configuration of the target, read by the sysconfig module\nbuild_time_vars = {\n",
    );
    for (name, value) in variables {
        // Writing to a String cannot fail.
        let _ = match value {
            Value::Int(number) => writeln!(text, "    {}: {number},", quote(name)),
            Value::Str(value) => writeln!(text, "    {}: {},", quote(name), quote(value)),
        };
    }
    text.push_str("}\n");
    text
}

/// `text` as a Python string literal.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn wrong(&self, expected: &str) -> String {
        let line = self.text[..self.at].matches('\n').count() + 1;
        format!("line {line}: expected {expected}")
    }

    /// Passes white space, line ends (plain or continued) and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let white = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', '\x0c', '\\']).len();
            self.at += white;
            if self.rest().starts_with('#') {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if white == 0 {
                return;
            }
        }
    }

    fn take(&mut self, token: char) -> bool {
        self.skip();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len_utf8();
        }
        found
    }

    fn expect(&mut self, token: char) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(self.wrong(&format!("`{token}`"))) }
    }

    fn value(&mut self) -> Result<Value, String> {
        if self.take('(') {
            let value = self.value()?;
            self.expect(')')?;
            return Ok(value);
        }
        self.skip();
        if self.rest().starts_with(['\'', '"']) {
            let mut joined = String::new();
            // Adjacent literals are one string.
            while self.rest().starts_with(['\'', '"']) {
                self.string(&mut joined)?;
                self.skip();
            }
            return Ok(Value::Str(joined));
        }
        let digits = self.rest().trim_start_matches(['-', '+']);
        let sign = self.rest().len() - digits.len();
        let length = sign + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let number = self.rest()[..length].parse().map_err(|_| self.wrong("a string or an integer"))?;
        self.at += length;
        Ok(Value::Int(number))
    }

    /// One literal without a prefix, with the escapes of the language reference.
    fn string(&mut self, into: &mut String) -> Result<(), String> {
        let mut chars = self.rest().char_indices();
        let Some((_, end)) = chars.next() else {
            return Err(self.wrong("a string"));
        };
        loop {
            let c = chars.next().ok_or_else(|| self.wrong("the end of the string"))?;
            match c {
                (at, c) if c == end => {
                    self.at += at + end.len_utf8();
                    return Ok(());
                }
                (_, '\n') => return Err(self.wrong("the end of the string")),
                (_, '\\') => {
                    let escape = chars.next().ok_or_else(|| self.wrong("an escape"))?.1;
                    let digits = match escape {
                        '\n' => continue,
                        'n' => Ok('\n'),
                        't' => Ok('\t'),
                        'r' => Ok('\r'),
                        '\\' | '\'' | '"' => Ok(escape),
                        'x' => Err(2),
                        'u' => Err(4),
                        'U' => Err(8),
                        _ => return Err(self.wrong("a known escape")),
                    };
                    match digits {
                        Ok(c) => into.push(c),
                        Err(count) => {
                            let mut code = 0;
                            for _ in 0..count {
                                let digit = chars.next().and_then(|(_, c)| c.to_digit(16));
                                code = code * 16 + digit.ok_or_else(|| self.wrong("hex digits"))?;
                            }
                            into.push(char::from_u32(code).ok_or_else(|| self.wrong("a character"))?);
                        }
                    }
                }
                (_, c) => into.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_cpython_and_its_distributors_write() {
        let text = "# generated\nimport sys\nbuild_time_vars = {'ABIFLAGS': '',\n 'N': -3,\n 'LONG': 'one '\n     \"two's\",\n\
                    # why\n 'ESC': ('\\x41\\u00e9\\n'), \"Q\": \"\\\"\",}\nprint(build_time_vars)\n";
        let found = parse(text).unwrap();
        let text = |name: &str| match &found[name] {
            Value::Str(text) => text.as_str(),
            Value::Int(_) => panic!("{name} is a number"),
        };
        assert_eq!(found["N"], Value::Int(-3));
        assert_eq!((text("ABIFLAGS"), text("LONG"), text("ESC"), text("Q")), ("", "one two's", "Aé\n", "\""));
        assert_eq!(parse("build_time_vars={}").unwrap(), Variables::new());
    }

    #[test]
    fn broken_text_is_named_by_its_line() {
        for (text, line) in [
            ("x = 1", "no `build_time_vars`"),
            ("build_time_vars = {\n'A': }", "line 2"),
            ("build_time_vars = {'A': 'b\n'}", "line 1"),
            ("build_time_vars = {'A' 1}", "expected `:`"),
            ("build_time_vars = {'A': os.sep}", "a string or an integer"),
            ("build_time_vars = {'A': 1", "`}`"),
            ("build_time_vars = {'A': '\\xzz'}", "hex digits"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(line), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn every_dict_reads_back(names in proptest::collection::btree_map(".{0,12}", prop_oneof![
            any::<i64>().prop_map(Value::Int),
            ".{0,30}".prop_map(Value::Str),
        ], 0..8)) {
            prop_assert_eq!(parse(&render(&names)).unwrap(), names);
        }

        #[test]
        fn no_text_panics(text in "build_time_vars = \\{.{0,40}") {
            let _ = parse(&text);
        }
    }
}
