//! Accounts with a clock that is moved by hand and cheap password hashes.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use mofang_accounts::{
    AccountSettings, Accounts, AttemptLimits, CreateKeyRequest, CreatedKey, Credential,
    ExposeSecret as _, OpenedSession, PasswordHashSettings, Principal, RegisterRequest,
    RegistrationPolicy, Role, Scope, UserSummary,
};
use mofang_store::SqliteStore;
use mofang_types::testing::ManualClock;
use mofang_types::{Clock, IdGenerator};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const START_UNIX_MS: i64 = 1_700_000_000_000;

/// A store with accounts over it.
pub(crate) struct Fixture {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) accounts: Arc<Accounts>,
}

/// Open registration, cheap hashes that many may compute at once, no quota.
pub(crate) fn settings() -> AccountSettings {
    AccountSettings {
        registration: RegistrationPolicy::Open,
        password_hash: PasswordHashSettings {
            memory_kib: 64,
            passes: 1,
            concurrent: 64,
        },
        attempts: AttemptLimits {
            per_account: 1_000,
            per_address: 1_000,
            ..AttemptLimits::default()
        },
        requests_per_minute: None,
        ..AccountSettings::default()
    }
}

pub(crate) async fn open(
    store: &Arc<SqliteStore>,
    clock: &Arc<ManualClock>,
    settings: AccountSettings,
    seed: u64,
) -> Outcome<Arc<Accounts>> {
    let ids = IdGenerator::new(Box::new(ChaCha20Rng::seed_from_u64(seed + 1_000)));
    let accounts = Accounts::open(
        Arc::clone(store) as Arc<dyn mofang_store::Store>,
        Arc::clone(clock) as Arc<dyn Clock>,
        Arc::new(ids),
        Box::new(ChaCha20Rng::seed_from_u64(seed)),
        settings,
    )
    .await?;
    Ok(accounts)
}

pub(crate) fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

impl Fixture {
    pub(crate) async fn new(settings: AccountSettings) -> Outcome<Self> {
        let clock = Arc::new(ManualClock::new(START_UNIX_MS));
        let store =
            Arc::new(SqliteStore::in_memory_with(Arc::clone(&clock) as Arc<dyn Clock>).await?);
        let accounts = open(&store, &clock, settings, 1).await?;
        Ok(Self {
            store,
            clock,
            accounts,
        })
    }

    /// Registers a user with [`PASSWORD`]; the first becomes an admin.
    pub(crate) async fn register(&self, name: &str) -> Outcome<UserSummary> {
        Ok(self
            .accounts
            .register(RegisterRequest::new(name, PASSWORD), None)
            .await?)
    }

    /// Registers a user of the given role.
    pub(crate) async fn register_as(&self, name: &str, role: Role) -> Outcome<UserSummary> {
        let mut request = RegisterRequest::new(name, PASSWORD);
        request.role = Some(role);
        Ok(self
            .accounts
            .register(request, Some(&Principal::local()))
            .await?)
    }

    pub(crate) async fn log_in(&self, name: &str) -> Outcome<OpenedSession> {
        Ok(self.accounts.log_in(name, PASSWORD, None).await?)
    }

    /// The principal of a new session.
    pub(crate) async fn session(&self, name: &str) -> Outcome<Principal> {
        let opened = self.log_in(name).await?;
        Ok(self.authenticate_session(opened.token.expose_secret())?)
    }

    pub(crate) fn authenticate_session(
        &self,
        token: &str,
    ) -> Result<Principal, mofang_accounts::AccountError> {
        self.accounts.authenticate(Credential::SessionToken(token))
    }

    pub(crate) fn authenticate_key(
        &self,
        key: &CreatedKey,
    ) -> Result<Principal, mofang_accounts::AccountError> {
        self.accounts
            .authenticate(Credential::ApiKey(key.key.expose_secret()))
    }

    pub(crate) async fn create_key(&self, by: &Principal, scopes: &[Scope]) -> Outcome<CreatedKey> {
        let request = CreateKeyRequest {
            name: "a key".to_owned(),
            scopes: scopes.iter().copied().collect(),
            ..CreateKeyRequest::default()
        };
        Ok(self.accounts.create_key(by, request).await?)
    }
}
