//! What is needed to decide about a request, in memory.
//!
//! Every act changes it at once; reading everything again from the store is the second way in. A
//! reading that began before an act must not undo it, so each act moves a generation and a reading
//! of an older generation is thrown away.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use mofang_store::{
    ApiKeyRecord, Credentials, Role, Scope, SecretDigest, SessionRecord, UserRecord,
};
use mofang_types::UnixMillis;
use parking_lot::RwLock;

use crate::quota::Quota;
use crate::{AccountError, Principal, token};

/// One point in time on both clocks. Sessions are judged by the monotonic one, so that a jump of
/// the wall clock logs nobody out (TRUST.md REL-15).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) unix_ms: UnixMillis,
    pub(crate) monotonic: Duration,
}

impl Now {
    fn monotonic_ms(self) -> i64 {
        i64::try_from(self.monotonic.as_millis()).unwrap_or(i64::MAX)
    }

    /// A point of the wall clock on the monotonic one.
    fn to_monotonic_ms(self, unix_ms: UnixMillis) -> i64 {
        unix_ms
            .saturating_sub(self.unix_ms)
            .saturating_add(self.monotonic_ms())
    }
}

/// What changes with every request.
#[derive(Debug)]
struct Usage {
    quota: Quota,
    last_used_unix_ms: AtomicI64,
    last_used_monotonic_ms: AtomicI64,
    to_be_noted: AtomicBool,
}

impl Usage {
    fn new(last_used_unix_ms: UnixMillis, now: Now) -> Self {
        Self {
            quota: Quota::default(),
            last_used_unix_ms: AtomicI64::new(last_used_unix_ms),
            last_used_monotonic_ms: AtomicI64::new(now.to_monotonic_ms(last_used_unix_ms)),
            to_be_noted: AtomicBool::new(false),
        }
    }

    fn note(&self, now: Now) {
        self.last_used_unix_ms.store(now.unix_ms, Ordering::Relaxed);
        self.last_used_monotonic_ms
            .store(now.monotonic_ms(), Ordering::Relaxed);
        self.to_be_noted.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct User {
    name: String,
    role: Role,
    disabled: bool,
}

#[derive(Debug)]
struct Key {
    id: String,
    user_id: String,
    digest: SecretDigest,
    scopes: BTreeSet<Scope>,
    requests_per_minute: Option<u32>,
    expires_unix_ms: Option<UnixMillis>,
    usage: Arc<Usage>,
}

#[derive(Debug)]
struct Session {
    id: String,
    user_id: String,
    digest: SecretDigest,
    csrf_digest: SecretDigest,
    expires_monotonic_ms: i64,
    usage: Arc<Usage>,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    users: HashMap<String, User>,
    keys: HashMap<SecretDigest, Key>,
    sessions: HashMap<SecretDigest, Session>,
}

/// Ids with the time of last use, of keys and of sessions.
pub(crate) type LastUsed = (Vec<(String, UnixMillis)>, Vec<(String, UnixMillis)>);

/// Users, keys and sessions in memory.
#[derive(Debug, Default)]
pub(crate) struct Index {
    state: RwLock<State>,
}

impl Index {
    /// The generation to hand to [`Index::install`] with what is read from now on.
    pub(crate) fn generation(&self) -> u64 {
        self.state.read().generation
    }

    /// Puts what was read from the store in place of everything, unless an act came in between.
    pub(crate) fn install(&self, credentials: Credentials, generation: u64, now: Now) -> bool {
        let mut state = self.state.write();
        if state.generation != generation {
            return false;
        }
        state.users = credentials
            .users
            .into_iter()
            .map(|user| (user.id.clone(), User::from(user)))
            .collect();
        let mut old_keys = std::mem::take(&mut state.keys);
        for record in credentials.keys {
            let mut key = Key::new(record, now);
            if let Some(old) = old_keys.remove(&key.digest) {
                key.usage = old.usage;
            }
            state.keys.insert(key.digest, key);
        }
        let mut old_sessions = std::mem::take(&mut state.sessions);
        for record in credentials.sessions {
            let digest = record.token_digest;
            let session = match old_sessions.remove(&digest) {
                Some(old) => old,
                None => Session::new(record, now),
            };
            state.sessions.insert(digest, session);
        }
        true
    }

    pub(crate) fn has_users(&self) -> bool {
        !self.state.read().users.is_empty()
    }

    /// The principal behind a key, whose quota is charged.
    pub(crate) fn by_key(
        &self,
        digest: &SecretDigest,
        now: Now,
        requests_per_minute: Option<u32>,
    ) -> Result<Principal, AccountError> {
        let state = self.state.read();
        let key = state
            .keys
            .get(digest)
            .filter(|key| token::same(&key.digest, digest))
            .filter(|key| {
                key.expires_unix_ms
                    .is_none_or(|expires| now.unix_ms < expires)
            })
            .ok_or(AccountError::NotAuthenticated)?;
        let user = state.open_account(&key.user_id)?;
        let limit = key.requests_per_minute.or(requests_per_minute);
        key.usage.quota.charge(limit, now.monotonic)?;
        key.usage.note(now);
        Ok(Principal {
            user_id: key.user_id.clone(),
            user_name: user.name.clone(),
            role: user.role,
            scopes: Some(key.scopes.clone()),
            key_id: Some(key.id.clone()),
            session_id: None,
        })
    }

    /// The principal behind a session, whose quota is charged.
    pub(crate) fn by_session(
        &self,
        digest: &SecretDigest,
        now: Now,
        idle_timeout: Duration,
        requests_per_minute: Option<u32>,
    ) -> Result<Principal, AccountError> {
        let state = self.state.read();
        let idle_ms = i64::try_from(idle_timeout.as_millis()).unwrap_or(i64::MAX);
        let session = state
            .sessions
            .get(digest)
            .filter(|session| token::same(&session.digest, digest))
            .filter(|session| {
                let now_ms = now.monotonic_ms();
                let used_ms = session.usage.last_used_monotonic_ms.load(Ordering::Relaxed);
                now_ms < session.expires_monotonic_ms && now_ms.saturating_sub(used_ms) < idle_ms
            })
            .ok_or(AccountError::NotAuthenticated)?;
        let user = state.open_account(&session.user_id)?;
        session
            .usage
            .quota
            .charge(requests_per_minute, now.monotonic)?;
        session.usage.note(now);
        Ok(Principal {
            user_id: session.user_id.clone(),
            user_name: user.name.clone(),
            role: user.role,
            scopes: None,
            key_id: None,
            session_id: Some(session.id.clone()),
        })
    }

    /// Whether the digest is that of the session's token against cross-site requests.
    pub(crate) fn csrf_matches(&self, session_id: &str, digest: &SecretDigest) -> bool {
        let state = self.state.read();
        state
            .sessions
            .values()
            .find(|session| session.id == session_id)
            .is_some_and(|session| token::same(&session.csrf_digest, digest))
    }

    pub(crate) fn set_user(&self, record: UserRecord) {
        self.act(|state| {
            state.users.insert(record.id.clone(), User::from(record));
        });
    }

    pub(crate) fn set_role(&self, user_id: &str, role: Role) {
        self.act(|state| {
            if let Some(user) = state.users.get_mut(user_id) {
                user.role = role;
            }
        });
    }

    pub(crate) fn set_disabled(&self, user_id: &str, disabled: bool) {
        self.act(|state| {
            if let Some(user) = state.users.get_mut(user_id) {
                user.disabled = disabled;
            }
            if disabled {
                state.keys.retain(|_, key| key.user_id != user_id);
                state
                    .sessions
                    .retain(|_, session| session.user_id != user_id);
            }
        });
    }

    pub(crate) fn insert_key(&self, record: ApiKeyRecord, now: Now) {
        self.act(|state| {
            let key = Key::new(record, now);
            state.keys.insert(key.digest, key);
        });
    }

    pub(crate) fn remove_key(&self, key_id: &str) {
        self.act(|state| state.keys.retain(|_, key| key.id != key_id));
    }

    pub(crate) fn insert_session(&self, record: SessionRecord, now: Now) {
        self.act(|state| {
            let session = Session::new(record, now);
            state.sessions.insert(session.digest, session);
        });
    }

    pub(crate) fn remove_session(&self, session_id: &str) {
        self.act(|state| state.sessions.retain(|_, session| session.id != session_id));
    }

    /// Ends the user's sessions, but for the one to keep.
    pub(crate) fn remove_sessions_of(&self, user_id: &str, keep: Option<&str>) {
        self.act(|state| {
            state.sessions.retain(|_, session| {
                session.user_id != user_id || keep == Some(session.id.as_str())
            });
        });
    }

    /// What was used since the last time this was asked.
    pub(crate) fn take_last_used(&self) -> LastUsed {
        let state = self.state.read();
        let taken = |id: &String, usage: &Usage| {
            usage
                .to_be_noted
                .swap(false, Ordering::Relaxed)
                .then(|| (id.clone(), usage.last_used_unix_ms.load(Ordering::Relaxed)))
        };
        (
            state
                .keys
                .values()
                .filter_map(|key| taken(&key.id, &key.usage))
                .collect(),
            state
                .sessions
                .values()
                .filter_map(|session| taken(&session.id, &session.usage))
                .collect(),
        )
    }

    fn act(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.write();
        state.generation += 1;
        change(&mut state);
    }
}

impl State {
    fn open_account(&self, user_id: &str) -> Result<&User, AccountError> {
        self.users
            .get(user_id)
            .filter(|user| !user.disabled)
            .ok_or(AccountError::NotAuthenticated)
    }
}

impl From<UserRecord> for User {
    fn from(record: UserRecord) -> Self {
        Self {
            name: record.name,
            role: record.role,
            disabled: record.disabled,
        }
    }
}

impl Key {
    fn new(record: ApiKeyRecord, now: Now) -> Self {
        Self {
            id: record.id,
            user_id: record.user_id,
            digest: record.key_digest,
            scopes: record.scopes,
            requests_per_minute: record.requests_per_minute,
            expires_unix_ms: record.expires_unix_ms,
            usage: Arc::new(Usage::new(record.last_used_unix_ms.unwrap_or(0), now)),
        }
    }
}

impl Session {
    fn new(record: SessionRecord, now: Now) -> Self {
        Self {
            id: record.id,
            user_id: record.user_id,
            digest: record.token_digest,
            csrf_digest: record.csrf_digest,
            expires_monotonic_ms: now.to_monotonic_ms(record.expires_unix_ms),
            usage: Arc::new(Usage::new(record.last_used_unix_ms, now)),
        }
    }
}
