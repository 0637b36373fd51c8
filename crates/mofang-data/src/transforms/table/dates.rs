//! Numbers from dates.

use serde::{Deserialize, Serialize};

use crate::table::Moment;

/// A number that a date gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatePart {
    /// 1 to 31.
    Day,
    /// Days since 1970-01-01, with the time as a fraction.
    Days,
    /// 0 to 24, with the minutes as a fraction; of columns that have times only.
    Hour,
    /// 1 to 12.
    Month,
    /// 0 for Monday to 6 for Sunday.
    Weekday,
    /// The year.
    Year,
}

impl DatePart {
    /// Every part.
    pub(crate) const ALL: [Self; 6] = [
        Self::Day,
        Self::Days,
        Self::Hour,
        Self::Month,
        Self::Weekday,
        Self::Year,
    ];

    /// What stands behind the column's name and a point in the name of the number.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Days => "days",
            Self::Hour => "hour",
            Self::Month => "month",
            Self::Weekday => "weekday",
            Self::Year => "year",
        }
    }

    /// The number.
    pub(crate) fn of(self, moment: Moment) -> f64 {
        match self {
            Self::Day => f64::from(moment.day),
            Self::Days => moment.days(),
            Self::Hour => moment.hour.unwrap_or(0.0),
            Self::Month => f64::from(moment.month),
            Self::Weekday => moment.weekday(),
            Self::Year => f64::from(moment.year),
        }
    }
}

/// Makes numbers of the parts of dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dates {
    /// Which parts; all of them when left out.
    #[serde(default = "all")]
    pub parts: Vec<DatePart>,
}

fn all() -> Vec<DatePart> {
    DatePart::ALL.to_vec()
}
