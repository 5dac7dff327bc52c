//! The time of the build in what was built. Compilers are given SOURCE_DATE_EPOCH; a script that asks the
//! clock and writes down what it says makes a wheel that no other build gives again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::archive::DosTime;
use crate::wheel::Member;

/// No run of the hooks that is judged now began earlier.
const LONGEST: Duration = Duration::from_secs(3600);

/// The names of `members` that hold the present date (`2026-01-31`, UTC) or a second of the last hour since 1970.
pub(super) fn dated(members: &[Member], now: SystemTime) -> Vec<&str> {
    let Ok(now) = now.duration_since(UNIX_EPOCH) else { return Vec::new() };
    let seconds = now.saturating_sub(LONGEST).as_secs()..=now.as_secs();
    let today: String = DosTime::from_epoch(now.as_secs()).to_string().chars().take(10).collect();
    let tells = |data: &[u8]| {
        data.windows(today.len()).any(|text| text == today.as_bytes())
            || data.split(|byte| !byte.is_ascii_digit()).any(|digits| {
                digits.len() == 10
                    && std::str::from_utf8(digits)
                        .is_ok_and(|text| text.parse().is_ok_and(|number| seconds.contains(&number)))
            })
    };
    members.iter().filter(|member| tells(&member.data)).map(|member| member.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_seconds_of_now_are_found() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let member = |text: &str| Member::file("a", text);
        for text in ["built = '2027-01-15T08:00'", "t=1799999000.25", "1800000000"] {
            assert_eq!(dated(&[member(text)], now), ["a"], "{text}");
        }
        for text in ["2027-01-14", "1700000000", "11800000000", "180000000", ""] {
            assert!(dated(&[member(text)], now).is_empty(), "{text}");
        }
    }
}
