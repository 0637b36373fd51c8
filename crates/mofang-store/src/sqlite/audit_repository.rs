//! The port for the audit log, over SQLite.

use async_trait::async_trait;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::failure::Failure;
use super::{Feed, SqliteStore, rows, versions};
use crate::{AuditEntry, AuditFilter, AuditRepository, NewAuditEntry, Page, Paged, StoreError};

/// Appends the entry, within the transaction that the connection is in.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    audit: &NewAuditEntry,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO audit (sequence, id, at_unix_ms, actor_id, actor, action, subject, details) \
         SELECT COALESCE(MAX(sequence), 0) + 1, $1, $2, $3, $4, $5, $6, $7 FROM audit",
    )
    .bind(&audit.id)
    .bind(audit.at_unix_ms)
    .bind(&audit.actor_id)
    .bind(&audit.actor)
    .bind(&audit.action)
    .bind(&audit.subject)
    .bind(rows::to_json("details", &audit.details)?)
    .execute(connection)
    .await?;
    Ok(())
}

async fn list(
    connection: &mut SqliteConnection,
    filter: &AuditFilter,
    page: &Page,
) -> Result<Paged<AuditEntry>, Failure> {
    let limit = page.limit_clamped();
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM audit WHERE sequence < ");
    query.push_bind(versions::below(page)?);
    for (condition, value) in [
        (" AND action = ", &filter.action),
        (" AND actor = ", &filter.actor),
        (" AND subject = ", &filter.subject),
    ] {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    query
        .push(" ORDER BY sequence DESC LIMIT ")
        .push_bind(i64::from(limit) + 1);
    let found = query.build().fetch_all(connection).await?;
    let items: Vec<AuditEntry> = found
        .iter()
        .take(limit as usize)
        .map(rows::audit_entry)
        .collect::<Result<_, _>>()?;
    let next = versions::next_below(found.len(), limit, items.last().map(|item| item.sequence));
    Ok(Paged { items, next })
}

#[async_trait]
impl AuditRepository for SqliteStore {
    async fn append_audit(&self, audit: NewAuditEntry) -> Result<(), StoreError> {
        self.write_audited("write an audit entry", Feed::Stays, audit, |_| {
            Box::pin(async { Ok(()) })
        })
        .await
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        page: &Page,
    ) -> Result<Paged<AuditEntry>, StoreError> {
        self.read("read the audit log", async {
            list(&mut *self.snapshot().await?, filter, page).await
        })
        .await
    }
}
