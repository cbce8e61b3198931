//! How long a grant lasts, where a rule sets an end to it.
//!
//! A [`Lease`] is what a rule says: a number of days. An [`Expiry`] is what the policy says: the instant at which a grant by
//! such a rule runs out. Neither knows what time it is: whoever asks says so.
//!
//! IAM itself ends the grant, by the condition on `aws:CurrentTime` that it is written with; nobody has to come and take it
//! away. See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.

use crate::rfc3339;
use std::fmt;
use std::time::{Duration, SystemTime};

const SECONDS_OF_A_DAY: i64 = 86_400;
const MAX_DAYS: u16 = 3_650;
/// 9999-12-31T00:00:00Z, the last end of a day that RFC 3339 has a form for.
const LAST_DAY: i64 = 253_402_214_400;

/// For how many days a grant lasts at least: 1 to 3650, and a `d`. It runs out at the end of the UTC day on which they are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String")]
#[cfg_attr(
    test,
    schemars(extend(
        "pattern" = "^([1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-4][0-9]|3650)d$"
    ))
)]
pub struct Lease(#[cfg_attr(test, schemars(with = "String"))] u16);

impl TryFrom<String> for Lease {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_suffix('d').unwrap_or_default();
        // A number's own reading takes a sign and zeros before it.
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        let days = digits.parse().ok().filter(|days| is_plain && (1..=MAX_DAYS).contains(days));
        days.map(Self).ok_or_else(|| format!("`{text}` is not a number of days from `1d` to `{MAX_DAYS}d`"))
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.0)
    }
}

/// The instant at which a grant runs out, in whole seconds since the epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expiry(i64);

impl Expiry {
    /// When a grant that is made `now` runs out: at the end of the UTC day on which the days of the lease are over. All grants
    /// of one day have the same, so that they fit into one statement, and none lasts less than the days asked for.
    pub fn new(lease: Lease, now: SystemTime) -> Self {
        // A clock that is far off must not make a text that nobody can read back.
        let today = seconds(now).clamp(0, LAST_DAY).div_euclid(SECONDS_OF_A_DAY);
        Self(((today + i64::from(lease.0) + 1) * SECONDS_OF_A_DAY).min(LAST_DAY))
    }

    /// Reads what [`Display`](fmt::Display) writes, and no other form of the same time: what we did not write is not ours.
    pub fn parse(text: &str) -> Option<Self> {
        let expiry = Self(seconds(rfc3339::parse(text)?));
        (expiry.text()? == text).then_some(expiry)
    }

    fn text(self) -> Option<String> {
        rfc3339::format(self.0 * 1_000)
    }

    /// Whether a grant until then has run out: IAM allows it while the time is less.
    pub fn is_over(self, now: SystemTime) -> bool {
        seconds(now) >= self.0
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text().ok_or(fmt::Error)?)
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The whole seconds since the epoch; a part of a second before it counts as one.
fn seconds(time: SystemTime) -> i64 {
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => seconds(after),
        Err(before) => -seconds(before.duration() + Duration::from_nanos(999_999_999)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn lease(text: &str) -> Result<Lease, String> {
        Lease::try_from(text.to_owned())
    }

    /// The instant that a text of RFC 3339 names, found by counting days: the library is not asked.
    fn at(text: &str) -> SystemTime {
        let number = |from: usize, to: usize| text.get(from..to).unwrap().parse::<u64>().unwrap();
        let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
        let is_leap =
            |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let mut days = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum::<u64>() + day - 1;
        for before in 1..month {
            days += match before {
                2 => 28 + u64::from(is_leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
        }
        let seconds = number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19);
        UNIX_EPOCH + Duration::from_secs(days * 86_400 + seconds)
    }

    #[test]
    fn a_lease_is_read_strictly() {
        for text in ["1d", "7d", "30d", "365d", "999d", "1000d", "3650d"] {
            assert_eq!(lease(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "d",
            "0d",
            "00d",
            "01d",
            "030d",
            "+1d",
            "-1d",
            " 1d",
            "1d ",
            "1 d",
            "1D",
            "1",
            "30",
            "1.5d",
            "1dd",
            "3651d",
            "9999d",
            "10000d",
            "65537d",
            "99999999999999999999d",
            "P30D",
            "1h",
            "4w",
            "\u{661}d",
            "1d\n",
            "0x1d",
        ] {
            let error = lease(text).unwrap_err();
            assert!(error.contains("`1d` to `3650d`"), "{error}");
        }
    }

    #[test]
    fn the_schema_admits_what_is_read_and_nothing_else() {
        let schema = serde_json::to_value(schemars::schema_for!(Lease)).unwrap();
        assert_eq!(schema["type"], "string");
        let pattern =
            schema["pattern"].as_str().unwrap().strip_prefix("^(").unwrap().strip_suffix(")d$").unwrap();
        // Each alternative is a row of digits or of classes of digits, each perhaps several times.
        let admits = |number: &str| pattern.split('|').any(|one| is_admitted(one, number));
        for number in 0..=12_000 {
            let text = format!("{number}d");
            assert_eq!(admits(&number.to_string()), lease(&text).is_ok(), "{text}");
        }
        assert!(!admits("07") && !admits(""));
    }

    /// Whether the row of `classes` matches all of `number`.
    fn is_admitted(classes: &str, number: &str) -> bool {
        let Some(first) = classes.chars().next() else { return number.is_empty() };
        let (range, rest) = match classes.strip_prefix('[') {
            Some(inside) => inside.split_once(']').unwrap(),
            None => classes.split_at(first.len_utf8()),
        };
        let (least, most, rest) = match rest.strip_prefix('{') {
            Some(times) => {
                let (times, rest) = times.split_once('}').unwrap();
                let (least, most) = times.split_once(',').unwrap_or((times, times));
                (least.parse().unwrap(), most.parse().unwrap(), rest)
            }
            None => (1, 1, rest),
        };
        let is_in = |digit: char| match range.split_once('-') {
            Some((from, to)) => (from..=to).contains(&digit.to_string().as_str()),
            None => range.contains(digit),
        };
        let taken = number.chars().take_while(|digit| is_in(*digit)).count().min(most);
        (least..=taken).any(|count: usize| is_admitted(rest, number.get(count..).unwrap()))
    }

    #[test]
    fn a_grant_lasts_to_the_end_of_its_last_day() {
        for (now, text, expected) in [
            ("2026-11-24T15:04:12Z", "30d", "2026-12-25T00:00:00Z"),
            ("2026-11-24T00:00:00Z", "30d", "2026-12-25T00:00:00Z"),
            ("2026-11-24T23:59:59Z", "30d", "2026-12-25T00:00:00Z"),
            ("2026-11-25T00:00:00Z", "30d", "2026-12-26T00:00:00Z"),
            ("2026-12-30T12:00:00Z", "1d", "2027-01-01T00:00:00Z"),
            ("2028-02-27T12:00:00Z", "1d", "2028-02-29T00:00:00Z"),
            ("2027-02-27T12:00:00Z", "1d", "2027-03-01T00:00:00Z"),
            ("2026-11-24T15:04:12Z", "3650d", "2036-11-22T00:00:00Z"),
            ("9999-12-30T12:00:00Z", "3650d", "9999-12-31T00:00:00Z"),
        ] {
            let expiry = Expiry::new(lease(text).unwrap(), at(now));
            assert_eq!(expiry.to_string(), expected, "{now} {text}");
            assert_eq!(Expiry::parse(expected), Some(expiry));
            assert!(expiry.is_over(at(expected)) && !expiry.is_over(at(expected) - Duration::from_nanos(1)));
        }
    }

    #[test]
    fn a_clock_that_is_far_off_grants_nothing_for_ever() {
        let early = Expiry::new(lease("1d").unwrap(), UNIX_EPOCH - Duration::from_secs(86_400 * 800_000));
        assert_eq!(early.to_string(), "1970-01-03T00:00:00Z");
        let late = UNIX_EPOCH + Duration::from_secs(86_400 * 4_000_000);
        assert_eq!(Expiry::new(lease("1d").unwrap(), late).to_string(), "9999-12-31T00:00:00Z");
        assert!(Expiry::new(lease("1d").unwrap(), late).is_over(late));
    }

    #[test]
    fn only_the_form_that_is_written_is_read() {
        for text in [
            "",
            "2026-12-25",
            "2026-12-25T00:00:00",
            "2026-12-25T00:00:00+00:00",
            "2026-12-25T01:00:00+01:00",
            "2026-12-25t00:00:00Z",
            "2026-12-25T00:00:00z",
            "2026-12-25 00:00:00Z",
            "2026-12-25T00:00:00.0Z",
            "2026-12-25T00:00:00.5Z",
            "2026-12-25T00:00Z",
            "2026-12-25T24:00:00Z",
            "2026-12-31T23:59:60Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "26-12-25T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            " 2026-12-25T00:00:00Z",
            "2026-12-25T00:00:00Z\n",
            "1798156800",
            "\u{e9}Z",
        ] {
            assert_eq!(Expiry::parse(text), None, "{text}");
        }
        for text in
            ["2026-12-25T00:00:00Z", "2026-12-25T09:08:07Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
        {
            assert_eq!(Expiry::parse(text).unwrap().to_string(), text);
        }
    }

    proptest! {
        /// It lasts the days that were asked for, and less than one more.
        #[test]
        fn the_days_are_kept(days in 1..=3_650_u16, second in 0..=240_000_000_000_u64, nanos in 0..1_000_000_000_u32) {
            let now = UNIX_EPOCH + Duration::new(second, nanos);
            let expiry = Expiry::new(lease(&format!("{days}d")).unwrap(), now);
            let asked = now + Duration::from_secs(u64::from(days) * 86_400);
            prop_assert!(!expiry.is_over(now) && !expiry.is_over(asked));
            prop_assert!(expiry.is_over(asked + Duration::from_secs(86_400)));
            prop_assert_eq!(Expiry::parse(&expiry.to_string()), Some(expiry));
            prop_assert!(expiry.to_string().ends_with("T00:00:00Z"));
        }

        #[test]
        fn any_text_is_read_or_not(text in "\\PC*|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?[Zz]?") {
            if let Some(expiry) = Expiry::parse(&text) {
                prop_assert_eq!(expiry.to_string(), text);
            }
        }
    }
}
