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
        assert!(
            expiry.has_passed(at(expected)) && !expiry.has_passed(at(expected) - Duration::from_nanos(1))
        );
    }
}

#[test]
fn a_clock_that_is_far_off_grants_nothing_for_ever() {
    let early = Expiry::new(lease("1d").unwrap(), UNIX_EPOCH - Duration::from_secs(86_400 * 800_000));
    assert_eq!(early.to_string(), "1970-01-03T00:00:00Z");
    let late = UNIX_EPOCH + Duration::from_secs(86_400 * 4_000_000);
    assert_eq!(Expiry::new(lease("1d").unwrap(), late).to_string(), "9999-12-31T00:00:00Z");
    assert!(Expiry::new(lease("1d").unwrap(), late).has_passed(late));
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
        prop_assert!(!expiry.has_passed(now) && !expiry.has_passed(asked));
        prop_assert!(expiry.has_passed(asked + Duration::from_secs(86_400)));
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
