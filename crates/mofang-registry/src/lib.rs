//! Models, versions and aliases: publishing, resolving, comparison and roll-back.
//!
//! A [`Registry`] joins the metadata of `mofang-store` with the bytes of `mofang-artifacts`. A
//! publish writes the package first, durably, and names it in one transaction afterwards, together
//! with the aliases that it moves: whenever the process dies, the version is wholly there or
//! wholly absent, and an alias names the old version or the new one. What resolving a reference
//! needs is kept in memory and follows the store's change feed, so a prediction asks no database.
//!
//! A package that is found damaged at load is never used: its version is quarantined, with an
//! audit entry, until [`Registry::verify`] finds it whole again.
//!
//! This crate decides nothing about who may do what; an [`Actor`] is a name for the audit log.

mod actor;
mod aliases;
mod card;
mod diff;
mod error;
mod garbage;
mod listing;
mod publish;
mod quarantine;
mod registry;
mod removal;
mod rollback;
mod route;
mod routing;
mod tags;

pub use actor::Actor;
pub use card::ModelCard;
pub use diff::{MetricChange, TensorChange, ValueChange, VersionDiff, WeightsDiff};
pub use error::RegistryError;
pub use publish::PublishRequest;
pub use registry::Registry;
pub use route::Route;
