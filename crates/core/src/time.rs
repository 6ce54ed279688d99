//! Instants: microseconds since the Unix epoch, read and written as RFC 3339.

use std::fmt;
use std::time::Duration;

/// An instant in UTC, in whole microseconds since 1970-01-01. Shown with milliseconds, as the wire has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// Text that is no RFC 3339 instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeError;

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not an RFC 3339 time such as 2027-01-31T00:00:00Z")
    }
}

impl std::error::Error for TimeError {}

impl Time {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 with any offset; what is finer than a millisecond is dropped, as answers show milliseconds.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let stamp: jiff::Timestamp = text.trim().parse().map_err(|_| TimeError)?;
        Ok(Self(stamp.as_millisecond() * 1000))
    }

    /// This instant moved forward; saturates at the end of time.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This instant moved back; saturates at the beginning of time.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// When the hour, day or other span that holds this instant began; spans are counted from the epoch, in UTC.
    #[must_use]
    pub fn floor(self, span: Duration) -> Self {
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX).max(1);
        Self(self.0.saturating_sub(self.0.rem_euclid(span)))
    }

    /// How long it is from `earlier` to this instant; zero if it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(stamp) => write!(f, "{stamp:.3}"),
            Err(_) => f.write_str("9999-12-31T23:59:59.999Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_milliseconds() {
        let time = Time::parse("2026-11-23T12:00:00.123456+02:00").unwrap();
        assert_eq!(time.to_string(), "2026-11-23T10:00:00.123Z");
        assert_eq!(Time::from_micros(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_span_holds_its_beginning_and_not_its_end() {
        let hour = Duration::from_hours(1);
        for (time, began) in [
            ("2026-11-23T10:00:00.000Z", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23T10:59:59.999Z", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23T11:00:00.000Z", "2026-11-23T11:00:00.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:00:00.000Z"),
        ] {
            assert_eq!(Time::parse(time).unwrap().floor(hour), Time::parse(began).unwrap(), "{time}");
        }
        let day = Time::parse("2026-11-23T23:30:00Z").unwrap().floor(hour * 24);
        assert_eq!(day.to_string(), "2026-11-23T00:00:00.000Z");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in ["", "tomorrow", "2026-11-23", "2026-11-23T12:00:00", "2026-13-01T00:00:00Z"] {
            assert_eq!(Time::parse(text), Err(TimeError), "{text}");
        }
    }
}
