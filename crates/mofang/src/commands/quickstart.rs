//! `mofang quickstart`: train, publish, serve, register, log in, make a key, and ask — each by the
//! way that anybody would use. A second run finds what the first one made and uses it.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use mofang_data::{RawExample, SplitName};
use mofang_types::ModelReference;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ureq::http::Method;

use crate::backend::Accounts as _;
use crate::backend::{Body, Inference as _, Models as _, NewKey, Predicted, Remote};
use crate::context::Context;
use crate::data_dir::{read_text, write_private};
use crate::exit::CodedResult as _;
use crate::local::Local;
use crate::run_record::RunRecord;
use crate::server::{Listeners, Server, bind};
use crate::training::{self, Plan, Publish};
use crate::{randomness, signals};

/// The recipe, so that the binary needs no file beside it.
const RECIPE: &str = include_str!("../../../../recipes/digits.toml");

const MODEL: &str = "digits";
const REFERENCE: &str = "digits@production";
const USER: &str = "quickstart";

/// The first label to look for among the test images.
const LABEL: &str = "7";

/// How many ports after the usual one are tried.
const PORTS: u16 = 20;

/// How far to go.
#[derive(Debug, Args)]
pub(crate) struct QuickstartArgs {
    /// Stop the server at the end instead of keeping on serving
    #[arg(long)]
    exit: bool,
}

/// What the first run made, kept where only its owner can read it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Secrets {
    user: String,
    password: String,
    api_key: String,
}

/// Runs the command.
pub(crate) fn run(context: &Context, args: &QuickstartArgs) -> anyhow::Result<()> {
    let output = &context.output;
    let mut local = context.local()?;
    output.note(&format!(
        "data directory: {}",
        local.layout().root().display()
    ));

    let reference: ModelReference = REFERENCE.parse()?;
    let version = version(context, &local, &reference)?;

    let accounts = Arc::clone(local.accounts()?);
    let listener = listener(context)?;
    let server = local.wait(async {
        Server::start(
            &context.configuration,
            local.platform(),
            Arc::clone(&accounts),
            Listeners {
                http: listener,
                metrics: None,
                grpc: None,
            },
        )
    })?;
    let url = server.url();
    local.set_address(&url)?;
    output.note(&format!("serving on {url} (API: {url}/docs)"));

    let secrets_path = local.layout().keys().join("quickstart.json");
    let key_path = local.layout().keys().join("quickstart.key");
    let secrets = secrets(context, &local, &url, &secrets_path, &key_path)?;

    let (image, label) = test_image(&local)?;
    let image_path = local.layout().root().join("quickstart.png");
    std::fs::write(&image_path, &image)
        .with_context(|| format!("failed to write {}", image_path.display()))?;
    let remote = Remote::new(&url, Some(secrets.api_key))?;
    let predicted = remote
        .predict(&reference, RawExample::Encoded(image), None)
        .context("failed to ask the server")?;

    result(context, &predicted, &label, &version, &url)?;
    output.note(&format!(
        "try it:\n  curl {url}/v1/models/{REFERENCE}/predict -H \"Authorization: Bearer $(cat {})\" \\\n       \
         -H 'Content-Type: image/png' --data-binary @{}",
        quoted(&key_path),
        quoted(&image_path)
    ));
    if !args.exit {
        output.note(&format!("still serving on {url}; Ctrl-C ends it"));
        local.wait(signals::stopped())?;
    }
    let ended = local.wait(server.stop());
    local.close();
    ended
}

/// The version to serve: what is there, or a new one.
fn version(context: &Context, local: &Local, reference: &ModelReference) -> anyhow::Result<String> {
    if let Ok(route) = local.platform().registry.resolve(reference) {
        let version = format!("{}@{}", route.model, route.number);
        let card = local.versions(&route.model)?;
        let metrics = card
            .iter()
            .find(|found| found.version == route.number)
            .map(|found| &found.metrics);
        let accuracy = metrics.and_then(|metrics| metrics.get("accuracy"));
        let accuracy = accuracy
            .map(|accuracy| format!(" (test accuracy {accuracy:.4})"))
            .unwrap_or_default();
        context.output.note(&format!(
            "{version}{accuracy} is here from an earlier run: reusing it"
        ));
        return Ok(version);
    }
    context
        .output
        .note("training on 8×8 images of handwritten digits (UCI, 1998)");
    let recipe = training::parse_recipe("recipes/digits.toml", RECIPE)?;
    let resumed = RunRecord::unfinished(local.layout(), Some(recipe.digest()))?;
    let plan = Plan {
        recipe,
        model: Some(MODEL.parse()?),
        resumed,
        publish: Publish::WhenPassed,
        aliases: vec!["production".parse()?],
        note: "quickstart".to_owned(),
    };
    let finished = training::execute(context, local, plan)?;
    if let Some(refusal) = finished.refusal {
        anyhow::bail!("failed to publish: {refusal}");
    }
    let metric = |name: &str| {
        finished
            .record
            .metrics
            .get(name)
            .copied()
            .unwrap_or(f64::NAN)
    };
    context.output.note(&format!(
        "on the untouched test split: accuracy {:.4}, macro-F1 {:.4}",
        metric("accuracy"),
        metric("f1_macro")
    ));
    let version = finished.record.version.context("the run made no version")?;
    context
        .output
        .note(&format!("published {version}, also named {REFERENCE}"));
    Ok(version)
}

/// The usual port, or the next free one when nobody asked for a certain one.
fn listener(context: &Context) -> anyhow::Result<TcpListener> {
    let wanted = context
        .configuration
        .get("serve.listen")
        .unwrap_or_default();
    let Some((host, port)) = wanted
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
    else {
        return bind(&wanted, "--listen");
    };
    let taken = match bind(&wanted, "--listen") {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    for next in (1..=PORTS).filter_map(|step| port.checked_add(step)) {
        if let Ok(listener) = bind(&format!("{host}:{next}"), "--listen") {
            context
                .output
                .note(&format!("port {port} is taken: using {next}"));
            return Ok(listener);
        }
    }
    Err(taken)
}

/// The user's key: the one of an earlier run when the server still takes it, or a new one.
fn secrets(
    context: &Context,
    local: &Local,
    url: &str,
    path: &Path,
    key_path: &Path,
) -> anyhow::Result<Secrets> {
    let output = &context.output;
    let known = read_text(path)
        .ok()
        .and_then(|text| serde_json::from_str::<Secrets>(&text).ok());
    if let Some(secrets) = &known
        && Remote::new(url, Some(secrets.api_key.clone()))?
            .send(Method::GET, "/v1/users/me", Body::Empty)
            .is_ok()
    {
        output.note(&format!(
            "the user {} and its API key are here from an earlier run: reusing them",
            secrets.user
        ));
        return Ok(secrets.clone());
    }
    let anonymous = Remote::new(url, None)?;
    let password = match known {
        Some(secrets)
            if local
                .users()?
                .iter()
                .any(|user| user.name == secrets.user && !user.disabled) =>
        {
            secrets.password
        }
        _ => register(context, local, &anonymous)?,
    };
    let credentials = json!({ "name": USER, "password": password });
    let session = anonymous
        .send(Method::POST, "/v1/sessions", Body::Json(credentials))
        .context("failed to log in")?;
    let token = session
        .get("token")
        .and_then(Value::as_str)
        .context("failed to log in: the answer has no token")?;
    output.note(&format!("logged in as {USER}"));
    let key = NewKey {
        user: None,
        name: USER.to_owned(),
        scopes: ["infer", "registry:read"].map(str::to_owned).to_vec(),
        expires_unix_ms: None,
        requests_per_minute: None,
    };
    let created = Remote::new(url, Some(token.to_owned()))?
        .create_key(&key)
        .context("failed to make an API key")?;
    let secrets = Secrets {
        user: USER.to_owned(),
        password,
        api_key: created.key,
    };
    write_private(
        path,
        &serde_json::to_vec_pretty(&secrets).context("failed to write JSON")?,
    )?;
    write_private(key_path, secrets.api_key.as_bytes())?;
    output.note(&format!(
        "made an API key; key and password are in {} (only you can read it)",
        path.display()
    ));
    Ok(secrets)
}

/// Registers the user: over HTTP as the first one, or by the owner of the files when others are there.
fn register(context: &Context, local: &Local, anonymous: &Remote) -> anyhow::Result<String> {
    let password = randomness::password()?;
    let user = if local.users()?.is_empty() {
        anonymous.create_user(USER, &password, None)
    } else {
        local.create_user(USER, &password, Some("caller"))
    };
    let user = user.context("failed to register")?;
    context.output.note(&format!(
        "registered the user {} ({}) with a random password",
        user.name, user.role
    ));
    Ok(password)
}

/// An image of the test split as a PNG file, with its true label.
fn test_image(local: &Local) -> anyhow::Result<(Vec<u8>, String)> {
    let recipe = training::parse_recipe("recipes/digits.toml", RECIPE)?;
    let dataset = training::load_dataset(local, &recipe)?;
    let split = dataset.split(SplitName::Test).coded()?;
    let is_wanted = |label: usize| dataset.labels.get(label).is_some_and(|name| name == LABEL);
    let example = split
        .examples()
        .iter()
        .find(|example| example.target.class().is_some_and(is_wanted))
        .or_else(|| split.examples().first())
        .context("the test split is empty")?;
    let image = match &example.input {
        RawExample::Pixels(pixels) => pixels.to_png().coded()?,
        RawExample::Encoded(bytes) => bytes.clone(),
        RawExample::Row(_) | RawExample::Tensor(_) | RawExample::Text(_) => {
            anyhow::bail!("the test split has no images")
        }
    };
    Ok((
        image,
        dataset
            .labels
            .get(example.target.class().unwrap_or(usize::MAX))
            .cloned()
            .unwrap_or_default(),
    ))
}

fn result(
    context: &Context,
    predicted: &Predicted,
    label: &str,
    version: &str,
    url: &str,
) -> anyhow::Result<()> {
    let value = json!({
        "version": version,
        "url": url,
        "prediction": predicted.prediction,
        "true_label": label,
    });
    context.output.record(&value, || {
        format!("{}\nTrue label: {label}", predicted.prediction.summary())
    })
}

/// A path for a line that is pasted into a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text
        .chars()
        .all(|c| c.is_alphanumeric() || "/._-".contains(c));
    if is_plain {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
