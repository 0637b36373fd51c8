//! Tables: what is in a column, how rows are read from text, and what is worth a warning.

mod date;
mod kind;
mod leak;
mod number;
mod schema;
mod text;

pub(crate) use date::{DateFormat, Moment};
pub use kind::ColumnKind;
pub(crate) use leak::suspicious;
pub(crate) use number::{is_missing, number_of, text_of};
pub(crate) use schema::kind_of;
pub use schema::{ColumnSchema, TableSchema};
pub(crate) use text::{RawTable, read_table};
pub use text::{RowFormat, read_rows};
