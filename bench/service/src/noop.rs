//! The whole service around a model that does nothing, in a process of its own.
//!
//! Everything but the model is what `mofang serve` runs: the router, authentication by key,
//! routing, the pool, the queue with its thread, metering. What is measured around it is what the
//! service itself costs.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use async_trait::async_trait;
use mofang_accounts::{
    AccountSettings, Accounts, CreateKeyRequest, Credential, ExposeSecret as _, Principal,
    RegisterRequest, Role, Scope,
};
use mofang_artifacts::{ArtifactStore, PackageDraft};
use mofang_data::{Catalogue, DatasetStore, RawExample};
use mofang_http::{AppState, HttpSettings, ServerSettings, Services};
use mofang_registry::{Actor, PublishRequest, Registry, Route};
use mofang_runtime::RuntimeSettings;
use mofang_serving::{
    ModelSource, ServedModel, Serving, ServingError, ServingSettings, SharedError,
};
use mofang_store::SqliteStore;
use mofang_types::{
    ArchitectureSpec, ClassProbability, Clock, IdGenerator, MANIFEST_FORMAT_VERSION,
    ModelReference, ModelSignature, PackageManifest, Prediction, Provenance, SystemClock, Task,
    Tensor, WEIGHTS_FILE,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use tokio::net::TcpListener;

/// The server's process; ended when it is dropped.
#[derive(Debug)]
pub(crate) struct NoopProcess {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
}

impl NoopProcess {
    /// Starts this binary again as the server.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve-noop")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start the server")?;
        let output = child.stdout.take().context("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let (address, key) = line
            .trim()
            .split_once(' ')
            .with_context(|| format!("the server said \"{line}\""))?;
        Ok(Self {
            address: address.parse()?,
            key: key.to_owned(),
            child,
        })
    }
}

impl Drop for NoopProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A model that computes nothing.
#[derive(Debug)]
struct Noop;

impl ServedModel for Noop {
    fn prepare(&self, example: &RawExample) -> Result<Tensor, SharedError> {
        match example {
            RawExample::Tensor(tensor) => Ok(tensor.clone()),
            RawExample::Encoded(_)
            | RawExample::Pixels(_)
            | RawExample::Row(_)
            | RawExample::Text(_) => Ok(Tensor::default()),
        }
    }

    fn check(&self, _input: &Tensor) -> Result<(), SharedError> {
        Ok(())
    }

    fn infer(&self, batch: &Tensor) -> Result<Tensor, SharedError> {
        let count = batch.shape().first().copied().unwrap_or(0);
        Tensor::new(vec![count, 1], vec![0.0; count])
            .map_err(|error| Arc::new(error) as SharedError)
    }

    fn decode(&self, row: &[f32], _top_k: Option<usize>) -> Result<Prediction, SharedError> {
        Ok(Prediction::Classes(vec![ClassProbability {
            label: "nothing".to_owned(),
            index: 0,
            probability: row.first().copied().unwrap_or(0.0),
        }]))
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}

/// The registry's routes, with that model behind each.
#[derive(Debug)]
struct NoopSource(Arc<Registry>);

#[async_trait]
impl ModelSource for NoopSource {
    fn resolve(&self, reference: &ModelReference) -> Result<Route, ServingError> {
        self.0.resolve(reference).map_err(ServingError::refused)
    }

    async fn load(&self, _route: &Route) -> Result<Arc<dyn ServedModel>, ServingError> {
        Ok(Arc::new(Noop))
    }
}

/// Serves until standard input ends.
pub(crate) fn serve() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (state, key) = state(folder.path()).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{} {key}", listener.local_addr()?);
        let ended = tokio::task::spawn_blocking(|| {
            let mut rest = Vec::new();
            std::io::stdin().read_to_end(&mut rest)
        });
        let router = mofang_http::app(&state);
        mofang_http::serve(listener, router, ServerSettings::default(), async {
            // Either way there is nobody left to serve.
            let _ = ended.await;
        })
        .await;
        Ok(())
    })
}

/// The services on a fresh folder, and a key of an admin.
async fn state(folder: &std::path::Path) -> anyhow::Result<(Arc<AppState>, String)> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    // The key opens a temporary server on loopback that serves nothing: a fixed seed will do.
    let ids = Arc::new(IdGenerator::new(Box::new(ChaCha20Rng::seed_from_u64(1))));
    let store = SqliteStore::open(&folder.join("mofang.db"), Arc::clone(&clock)).await?;
    let store = Arc::new(store);
    let location = folder.join("artifacts");
    let artifacts = Arc::new(ArtifactStore::open(&location.to_string_lossy())?);
    let registry = Registry::open(
        Arc::<SqliteStore>::clone(&store),
        artifacts,
        Arc::clone(&clock),
        Arc::clone(&ids),
    );
    let registry = Arc::new(registry.await?);
    let request = PublishRequest::new("noop".parse()?, draft(clock.now_unix_ms()), Actor::system());
    registry.publish(request).await?;
    let settings = AccountSettings {
        requests_per_minute: None,
        ..AccountSettings::default()
    };
    let randomness = Box::new(ChaCha20Rng::seed_from_u64(2));
    let accounts = Accounts::open(
        store,
        Arc::clone(&clock),
        Arc::clone(&ids),
        randomness,
        settings,
    )
    .await?;
    let key = make_key(&accounts).await?;
    let source = Arc::new(NoopSource(Arc::clone(&registry)));
    let serving = Serving::with_source(source, ServingSettings::default(), Arc::clone(&clock));
    let datasets = DatasetStore::new(folder.join("datasets"), Catalogue::builtin()?);
    let services = Services {
        accounts,
        registry,
        serving,
        datasets: Arc::new(datasets),
        runtime: RuntimeSettings::default(),
        clock,
        ids,
    };
    Ok((AppState::new(services, HttpSettings::default()), key))
}

async fn make_key(accounts: &Accounts) -> anyhow::Result<String> {
    let password = "a bench that nobody sits on";
    let mut request = RegisterRequest::new("bench", password.to_owned());
    request.role = Some(Role::Admin);
    accounts
        .register(request, Some(&Principal::local()))
        .await?;
    let session = accounts.log_in("bench", password, None).await?;
    let credential = Credential::from_bearer(session.token.expose_secret());
    let principal = accounts.authenticate(credential)?;
    let request = CreateKeyRequest {
        name: "bench".to_owned(),
        scopes: [Scope::Admin].into_iter().collect(),
        expires_unix_ms: None,
        requests_per_minute: None,
        user_id: None,
    };
    let created = accounts
        .create_key(&principal, request)
        .await
        .map_err(|error| anyhow!("failed to make a key: {error}"))?;
    Ok(created.key.expose_secret().to_owned())
}

/// A package whose weights nobody reads.
fn draft(created_unix_ms: i64) -> PackageDraft {
    PackageDraft {
        manifest: PackageManifest {
            format_version: MANIFEST_FORMAT_VERSION,
            task: Task::ImageClassification,
            architecture: ArchitectureSpec {
                name: "noop".to_owned(),
                config: serde_json::json!({}),
            },
            signature: ModelSignature::image_classifier([1, 1, 1], 1),
            input: None,
            pipeline: serde_json::json!({ "transforms": [], "decoders": [] }),
            labels: vec!["nothing".to_owned()],
            metrics: BTreeMap::new(),
            provenance: Provenance::default(),
            description: "computes nothing".to_owned(),
            created_unix_ms,
            files: Vec::new(),
        },
        files: BTreeMap::from([(WEIGHTS_FILE.to_owned(), vec![0])]),
    }
}
