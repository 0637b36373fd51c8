//! The port for the audit log.

use async_trait::async_trait;

use crate::{AuditEntry, AuditFilter, NewAuditEntry, Page, Paged, StoreError};

/// The audit log: it grows, and nothing else.
#[async_trait]
pub trait AuditRepository {
    /// Records an act that changes nothing else in the store, e.g. a refused login.
    async fn append_audit(&self, audit: NewAuditEntry) -> Result<(), StoreError>;

    /// A page of the entries, newest first; continues below a sequence number.
    async fn list_audit(
        &self,
        filter: &AuditFilter,
        page: &Page,
    ) -> Result<Paged<AuditEntry>, StoreError>;
}
