//! Versions as pkg-config orders them (rpm's rule).

use std::cmp::Ordering;

/// Compares digit runs as numbers and letter runs as text; a number is newer than letters, and more
/// parts are newer than fewer.
pub fn compare(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (parts(one).into_iter(), parts(other).into_iter());
    loop {
        let (left, right) = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (Some(_), None) => return Ordering::Greater,
            (None, Some(_)) => return Ordering::Less,
            (Some(left), Some(right)) => (left, right),
        };
        let digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
        let order = match (digit(left), digit(right)) {
            (true, true) => {
                let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
                left.len().cmp(&right.len()).then_with(|| left.cmp(right))
            }
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => left.cmp(right),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Runs of digits and runs of letters; everything else separates.
fn parts(version: &str) -> Vec<&str> {
    let kind = |c: char| if c.is_ascii_digit() { 1 } else { i32::from(c.is_ascii_alphabetic()) * 2 };
    let mut parts = Vec::new();
    let mut start = 0;
    let mut last = 0;
    for (at, c) in version.char_indices().chain([(version.len(), '.')]) {
        let now = kind(c);
        if now != last {
            if last != 0 {
                parts.push(&version[start..at]);
            }
            (start, last) = (at, now);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order() {
        for (less, more) in [
            ("1.2", "1.10"),
            ("1.2", "1.2.1"),
            ("1.0a", "1.0b"),
            ("1.a", "1.1"),
            ("9", "10.0"),
            ("0.29.1", "0.29.2"),
        ] {
            assert_eq!(compare(less, more), Ordering::Less, "{less} {more}");
            assert_eq!(compare(more, less), Ordering::Greater);
        }
        assert_eq!(compare("1.02", "1.2"), Ordering::Equal);
        assert_eq!(compare("1.2-3", "1.2.3"), Ordering::Equal);
        assert_eq!(compare("", ""), Ordering::Equal);
    }
}
