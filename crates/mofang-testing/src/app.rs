//! The whole service in one process.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;

use hyper::Method;
use mofang_accounts::{Accounts, CreateKeyRequest, Credential, ExposeSecret as _, Role, Scope};
use mofang_artifacts::{ArtifactStore, PackageDraft};
use mofang_http::{AppState, Router, ServerSettings};
use mofang_registry::{Actor, PublishRequest, Registry};
use mofang_serving::Serving;
use tempfile::TempDir;

use crate::{TestAppBuilder, TestClock, TestRequest, TestServer, tiny_draft};

/// The password of every test user.
pub(crate) const PASSWORD: &str = "seven purple walnuts";

/// A user of the test application.
#[derive(Debug, Clone)]
pub struct TestUser {
    /// The id.
    pub id: String,
    /// The name, which is the role's.
    pub name: String,
    /// The token of a session.
    pub token: String,
    /// The same session's token against foreign pages.
    pub csrf_token: String,
    /// A key with every scope that the role can use.
    pub key: String,
    /// That key's id.
    pub key_id: String,
}

impl TestUser {
    /// The password.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }
}

/// The whole service in one process, with a user of each role and the model `digits@1`, which
/// `production` names.
#[derive(Debug)]
pub struct TestApp {
    /// The router.
    pub router: Router,
    /// The state behind it.
    pub state: Arc<AppState>,
    /// Its accounts.
    pub accounts: Arc<Accounts>,
    /// Its registry.
    pub registry: Arc<Registry>,
    /// Its artifacts.
    pub artifacts: Arc<ArtifactStore>,
    /// Its serving.
    pub serving: Arc<Serving>,
    /// Its clock.
    pub clock: Arc<TestClock>,
    /// Its data directory.
    pub folder: TempDir,
    /// A user of each role.
    pub users: BTreeMap<Role, TestUser>,
}

impl TestApp {
    /// An application with the settings' defaults.
    ///
    /// # Panics
    /// When a part of it cannot be made.
    pub async fn new() -> Self {
        match TestAppBuilder::default().build().await {
            Ok(app) => app,
            Err(error) => panic!("the test application: {error}"),
        }
    }

    /// The user of this role.
    ///
    /// # Panics
    /// When the application was built without users.
    pub fn user(&self, role: Role) -> &TestUser {
        match self.users.get(&role) {
            Some(user) => user,
            None => panic!("the test application has no users"),
        }
    }

    /// A key of the admin with these scopes and, when given, an end.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn key(
        &self,
        scopes: &[Scope],
        expires_unix_ms: Option<i64>,
    ) -> Result<String, Box<dyn Error>> {
        let token = &self.user(Role::Admin).token;
        let admin = self.accounts.authenticate(Credential::from_bearer(token))?;
        let request = CreateKeyRequest {
            name: "test".to_owned(),
            scopes: scopes.iter().copied().collect::<BTreeSet<_>>(),
            expires_unix_ms,
            requests_per_minute: None,
            user_id: None,
        };
        let created = self.accounts.create_key(&admin, request).await?;
        Ok(created.key.expose_secret().to_owned())
    }

    /// Publishes another version of a model, with random weights by seed.
    ///
    /// # Errors
    /// When it cannot be published.
    pub async fn publish(&self, model: &str, seed: u64) -> Result<u32, Box<dyn Error>> {
        self.publish_package(model, tiny_draft(seed)?).await
    }

    /// Publishes a package as the next version of a model.
    ///
    /// # Errors
    /// When it cannot be published.
    pub async fn publish_package(
        &self,
        model: &str,
        draft: PackageDraft,
    ) -> Result<u32, Box<dyn Error>> {
        let request = PublishRequest::new(model.parse()?, draft, Actor::system());
        Ok(self.registry.publish(request).await?.number)
    }

    /// A request.
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        TestRequest::new(self.router.clone(), method, path)
    }

    /// A GET request.
    pub fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    /// A POST request.
    pub fn post(&self, path: &str) -> TestRequest {
        self.request(Method::POST, path)
    }

    /// A PUT request.
    pub fn put(&self, path: &str) -> TestRequest {
        self.request(Method::PUT, path)
    }

    /// A PATCH request.
    pub fn patch(&self, path: &str) -> TestRequest {
        self.request(Method::PATCH, path)
    }

    /// A DELETE request.
    pub fn delete(&self, path: &str) -> TestRequest {
        self.request(Method::DELETE, path)
    }

    /// The application behind a socket.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn listen(&self, settings: ServerSettings) -> std::io::Result<TestServer> {
        TestServer::start(self.router.clone(), settings).await
    }

    /// The application's gRPC behind a socket.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn listen_grpc(&self, settings: ServerSettings) -> std::io::Result<TestServer> {
        TestServer::start_http2(mofang_http::grpc_app(&self.state), settings).await
    }
}
