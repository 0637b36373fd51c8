//! What a test application is made of.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use mofang_accounts::{
    AccountSettings, Accounts, CreateKeyRequest, ExposeSecret as _, PasswordHashSettings,
    Principal, RegisterRequest, Role, Scope,
};
use mofang_artifacts::ArtifactStore;
use mofang_data::{Catalogue, DatasetStore};
use mofang_http::{AppState, HttpSettings, Services};
use mofang_registry::{Actor, PublishRequest, Registry};
use mofang_runtime::RuntimeSettings;
use mofang_serving::{Serving, ServingSettings};
use mofang_store::SqliteStore;
use mofang_types::{Clock, IdGenerator};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use crate::app::{PASSWORD, TestApp, TestUser};
use crate::{TestClock, tiny_draft};

/// Makes a [`TestApp`]: change what the test is about, then [`TestAppBuilder::build`].
#[derive(Debug)]
pub struct TestAppBuilder {
    /// Settings of the interface.
    pub http: HttpSettings,
    /// Settings of serving.
    pub serving: ServingSettings,
    /// Settings of accounts; passwords are hashed at the lowest cost there is.
    pub accounts: AccountSettings,
    /// Whether the users and the model are there.
    pub populated: bool,
}

impl Default for TestAppBuilder {
    fn default() -> Self {
        Self {
            http: HttpSettings::default(),
            serving: ServingSettings::default(),
            accounts: AccountSettings {
                password_hash: PasswordHashSettings {
                    memory_kib: 8,
                    passes: 1,
                    concurrent: 2,
                },
                requests_per_minute: None,
                ..AccountSettings::default()
            },
            populated: true,
        }
    }
}

impl TestAppBuilder {
    /// Makes the application.
    ///
    /// # Errors
    /// When a part of it cannot be made.
    pub async fn build(self) -> Result<TestApp, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let clock = Arc::new(TestClock::new());
        let shared: Arc<dyn Clock> = Arc::<TestClock>::clone(&clock);
        let ids = Arc::new(IdGenerator::new(Box::new(ChaCha20Rng::seed_from_u64(1))));
        let store = Arc::new(SqliteStore::in_memory_with(Arc::clone(&shared)).await?);
        let location = folder.path().join("artifacts");
        let artifacts = Arc::new(ArtifactStore::open(&location.to_string_lossy())?);
        let registry = Registry::open(
            store.clone(),
            Arc::clone(&artifacts),
            Arc::clone(&shared),
            Arc::clone(&ids),
        );
        let registry = Arc::new(registry.await?);
        let accounts = Accounts::open(
            store,
            Arc::clone(&shared),
            Arc::clone(&ids),
            Box::new(ChaCha20Rng::seed_from_u64(2)),
            self.accounts,
        )
        .await?;
        let serving = Serving::new(
            Arc::clone(&registry),
            self.serving,
            RuntimeSettings::default(),
            Arc::clone(&shared),
        );
        let datasets = DatasetStore::new(folder.path().join("datasets"), Catalogue::builtin()?);
        let mut users = BTreeMap::new();
        if self.populated {
            users = populate(&accounts, &registry).await?;
        }
        let services = Services {
            accounts: Arc::clone(&accounts),
            registry: Arc::clone(&registry),
            serving: Arc::clone(&serving),
            datasets: Arc::new(datasets),
            runtime: RuntimeSettings::default(),
            clock: shared,
            ids,
        };
        let state = AppState::new(services, self.http);
        Ok(TestApp {
            router: mofang_http::app(&state),
            state,
            accounts,
            registry,
            artifacts,
            serving,
            clock,
            folder,
            users,
        })
    }
}

/// A user of each role with a session and a key of every scope that the role can use, and the
/// model `digits` with one version that `production` names.
async fn populate(
    accounts: &Accounts,
    registry: &Registry,
) -> Result<BTreeMap<Role, TestUser>, Box<dyn Error>> {
    let local = Principal::local();
    let mut users = BTreeMap::new();
    for role in Role::all().iter().rev().copied() {
        let mut request = RegisterRequest::new(role.as_str(), PASSWORD.to_owned());
        request.role = Some(role);
        let user = accounts.register(request, Some(&local)).await?;
        let session = accounts.log_in(role.as_str(), PASSWORD, None).await?;
        let token = session.token.expose_secret().to_owned();
        let scopes = if role == Role::Admin {
            vec![Scope::Admin]
        } else {
            let scopes = Scope::all().iter().copied();
            scopes.filter(|scope| *scope != Scope::Admin).collect()
        };
        let principal = accounts.authenticate(mofang_accounts::Credential::from_bearer(&token))?;
        let request = CreateKeyRequest {
            name: "test".to_owned(),
            scopes: scopes.into_iter().collect(),
            expires_unix_ms: None,
            requests_per_minute: None,
            user_id: None,
        };
        let key = accounts.create_key(&principal, request).await?;
        users.insert(
            role,
            TestUser {
                id: user.id,
                name: user.name,
                token,
                csrf_token: session.csrf_token.expose_secret().to_owned(),
                key: key.key.expose_secret().to_owned(),
                key_id: key.summary.id,
            },
        );
    }
    let mut request = PublishRequest::new("digits".parse()?, tiny_draft(0)?, Actor::system());
    request.aliases = vec!["production".parse()?];
    registry.publish(request).await?;
    Ok(users)
}
