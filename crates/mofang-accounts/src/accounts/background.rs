//! What goes on beside the requests: following the change feed, and noting what was used.

use std::sync::Weak;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::{Accounts, milliseconds};
use crate::AccountError;

/// Acts on this machine are in memory at once; what others did may wait this long, so that a burst
/// of changes is read once.
const SETTLE: Duration = Duration::from_millis(100);

/// Runs until the accounts are dropped.
pub(super) async fn run(accounts: Weak<Accounts>, mut changes: watch::Receiver<u64>) {
    let Some(every) = accounts
        .upgrade()
        .map(|accounts| accounts.settings.note_last_used_every)
    else {
        return;
    };
    let mut ticks = tokio::time::interval(every.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let tick = tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                false
            }
            _ = ticks.tick() => true,
        };
        let Some(accounts) = accounts.upgrade() else {
            return;
        };
        let result = if tick {
            accounts.flush().await
        } else {
            accounts.reload().await
        };
        if let Err(error) = result {
            tracing::error!(error = %error, "the accounts could not be brought up to date");
            if !tick {
                // Read again: what changed must not be missed because the database was busy.
                changes.mark_changed();
            }
        }
        drop(accounts);
        tokio::time::sleep(SETTLE).await;
    }
}

impl Accounts {
    /// Writes down when keys and sessions were last used, and removes sessions that have ended. Runs
    /// by itself every so often; call it before the program ends.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn flush(&self) -> Result<(), AccountError> {
        let (keys, sessions) = self.index.take_last_used();
        if !keys.is_empty() || !sessions.is_empty() {
            self.store.note_last_used(&keys, &sessions).await?;
        }
        let now = self.clock.now_unix_ms();
        // What was last used is noted late, so sessions get one interval more.
        let idle = milliseconds(self.settings.sessions.idle_timeout)
            .saturating_add(milliseconds(self.settings.note_last_used_every).saturating_mul(2));
        self.store
            .delete_expired_sessions(now, now.saturating_sub(idle))
            .await?;
        Ok(())
    }
}
