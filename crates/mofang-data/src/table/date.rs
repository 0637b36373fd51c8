//! Days and times in the forms that tables have them in.

use serde::{Deserialize, Serialize};

/// How a column writes its dates. A time may follow after a blank or a `T`: `13:05` or `13:05:59`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::enum_variant_names,
    reason = "what comes first is what tells them apart"
)]
pub enum DateFormat {
    /// `31/12/2011` or `31.12.2011`
    DayFirst,
    /// `12/31/2011`
    MonthFirst,
    /// `2011-12-31` or `2011/12/31`
    YearFirst,
}

impl DateFormat {
    /// Every form. Where a column could be of two, the earlier is taken.
    const ALL: [Self; 3] = [Self::YearFirst, Self::MonthFirst, Self::DayFirst];

    /// The form of all these texts; none where there is no such form.
    pub(crate) fn of<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        texts.clone().next()?;
        Self::ALL
            .into_iter()
            .find(|format| texts.clone().all(|text| format.parse(text).is_some()))
    }

    /// The moment that a text means in this form.
    pub(crate) fn parse(self, text: &str) -> Option<Moment> {
        let text = text.trim();
        let (day, time) = match text.split_once(['T', ' ']) {
            Some((day, time)) => (day, Some(time)),
            None => (text, None),
        };
        let mark = ['-', '/', '.']
            .into_iter()
            .find(|mark| day.contains(*mark))?;
        let mut parts = day.split(mark);
        let texts = [parts.next()?, parts.next()?, parts.next()?];
        if parts.next().is_some() {
            return None;
        }
        let [year, month, day] = match (self, mark) {
            (Self::YearFirst, _) => texts,
            (Self::MonthFirst, '/') => [texts[2], texts[0], texts[1]],
            (Self::DayFirst, '/' | '.') => [texts[2], texts[1], texts[0]],
            (Self::MonthFirst | Self::DayFirst, _) => return None,
        };
        if year.len() != 4 {
            return None;
        }
        let moment = Moment {
            year: whole(year)?,
            month: whole(month)?,
            day: whole(day)?,
            hour: match time {
                Some(time) => Some(hour_of(time)?),
                None => None,
            },
        };
        moment.is_real().then_some(moment)
    }
}

/// Digits and nothing else.
fn whole(text: &str) -> Option<u32> {
    let is_digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

/// The hour with its fraction of `13:05`, `13:05:59` or `13:05:59.25`, with or without a `Z`.
fn hour_of(text: &str) -> Option<f64> {
    let mut parts = text.trim().trim_end_matches('Z').split(':');
    let hours = whole(parts.next()?)?;
    let minutes = whole(parts.next()?)?;
    let seconds: f64 = parts.next().map_or(Some(0.0), |text| text.parse().ok())?;
    let is_real = hours < 24 && minutes < 60 && (0.0..61.0).contains(&seconds);
    (is_real && parts.next().is_none())
        .then(|| f64::from(hours) + f64::from(minutes) / 60.0 + seconds / 3600.0)
}

/// A day, perhaps with a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    pub(crate) year: u32,
    /// From 1.
    pub(crate) month: u32,
    /// From 1.
    pub(crate) day: u32,
    /// With its fraction.
    pub(crate) hour: Option<f64>,
}

impl Moment {
    fn is_real(self) -> bool {
        let is_leap = (self.year.is_multiple_of(4) && !self.year.is_multiple_of(100))
            || self.year.is_multiple_of(400);
        let days = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if is_leap => 29,
            2 => 28,
            _ => 0,
        };
        (1..=days).contains(&self.day)
    }

    /// Days since 1970-01-01, with the time as a fraction: Howard Hinnant, `days_from_civil`,
    /// <https://howardhinnant.github.io/date_algorithms.html>.
    pub(crate) fn days(self) -> f64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        days as f64 + self.hour.unwrap_or(0.0) / 24.0
    }

    /// 0 for Monday to 6 for Sunday.
    pub(crate) fn weekday(self) -> f64 {
        // The first of January 1970 was a Thursday.
        (self.days().floor() + 3.0).rem_euclid(7.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_weekdays_are_those_of_python() {
        // (datetime.date(y, m, d) - datetime.date(1970, 1, 1)).days and .weekday()
        for (text, days, weekday) in [
            ("1970-01-01", 0.0, 3.0),
            ("2011-01-01", 14_975.0, 5.0),
            ("2000-02-29", 11_016.0, 1.0),
            ("1969-12-31", -1.0, 2.0),
            ("2024-12-31T12:00", 20_088.5, 1.0),
        ] {
            let moment = DateFormat::YearFirst.parse(text).unwrap();
            assert!(
                (moment.days() - days).abs() < 1e-9,
                "{text}: {}",
                moment.days()
            );
            assert!((moment.weekday() - weekday).abs() < 1e-9, "{text}");
        }
    }

    #[test]
    fn the_form_is_found_and_what_is_no_date_has_none() {
        let form = |texts: &[&'static str]| DateFormat::of(texts.iter().copied());
        assert_eq!(
            form(&["1/1/2011", "12/31/2011"]),
            Some(DateFormat::MonthFirst)
        );
        assert_eq!(
            form(&["1/1/2011", "31/12/2011"]),
            Some(DateFormat::DayFirst)
        );
        assert_eq!(form(&["31.12.2011 23:59:59"]), Some(DateFormat::DayFirst));
        assert_eq!(form(&["2011-12-31T23:59Z"]), Some(DateFormat::YearFirst));
        for text in [
            "2011-02-29",
            "1-2-3",
            "2011-13-01",
            "2011-01-01 25:00",
            "a-b-c",
            "2011",
        ] {
            assert_eq!(form(&[text]), None, "{text}");
        }
        assert_eq!(form(&[]), None);
    }
}
