//! The port as one.

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{AccountRepository, AuditRepository, ModelRepository, StoreError};

/// Everything that is stored about models and accounts.
#[async_trait]
pub trait Store:
    ModelRepository + AccountRepository + AuditRepository + Send + Sync + std::fmt::Debug
{
    /// The change feed: a number that grows after every commit that changed routes, keys, sessions
    /// or users. What is kept in memory is read again when it moves.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Whether the database answers; cheap.
    async fn check(&self) -> Result<(), StoreError>;

    /// Whether the whole database is sound; reads all of it.
    async fn verify(&self) -> Result<(), StoreError>;
}
