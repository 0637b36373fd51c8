//! `mofang keys …`

use clap::Subcommand;
use mofang_types::{Clock as _, SystemClock};
use serde_json::json;

use crate::backend::{KeyView, NewKey};
use crate::context::Context;
use crate::output::Table;
use crate::time_text;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and show it, this once
    Create {
        /// What to call it
        name: String,
        /// What it is good for: infer, registry:read, registry:write, train or admin; may be repeated
        #[arg(long = "scope", value_name = "SCOPE", default_values = ["infer", "registry:read"])]
        scopes: Vec<String>,
        /// Whose it is; needed with a data directory
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// After how many days it ends
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u32>,
        /// Its own quota
        #[arg(long, value_name = "N")]
        requests_per_minute: Option<u32>,
    },
    /// List keys
    List,
    /// Revoke a key, at once and for good
    Revoke {
        /// The id, as `keys list` shows it
        id: String,
    },
}

/// Runs the command.
pub(crate) fn run(context: &Context, command: &KeysCommand) -> anyhow::Result<()> {
    let backend = context.backend()?;
    let output = &context.output;
    match command {
        KeysCommand::Create {
            name,
            scopes,
            user,
            expires_in_days,
            requests_per_minute,
        } => {
            let created = backend.create_key(&NewKey {
                user: user.clone(),
                name: name.clone(),
                scopes: scopes.clone(),
                expires_unix_ms: expires_in_days
                    .map(|days| SystemClock::new().now_unix_ms() + i64::from(days) * DAY_MS),
                requests_per_minute: *requests_per_minute,
            })?;
            output.note("this key is shown once; keep it in a file that only you can read");
            output.record(&created, || created.key.clone())
        }
        KeysCommand::List => output.table(&Table::new(
            &[
                "ID",
                "NAME",
                "KEY",
                "SCOPES",
                "CREATED",
                "EXPIRES",
                "LAST USED",
                "STATUS",
            ],
            &backend.keys()?,
            row,
        )?),
        KeysCommand::Revoke { id } => {
            backend.revoke_key(id)?;
            output.done(
                &json!({ "id": id, "revoked": true }),
                &format!("the key {id} is revoked"),
            )
        }
    }
}

fn row(key: &KeyView) -> Vec<String> {
    let time = |time: Option<i64>| time.map_or_else(|| "-".to_owned(), time_text::rfc3339);
    vec![
        key.id.clone(),
        key.name.clone(),
        format!("mf_…{}", key.last_four),
        key.scopes.join(" "),
        time_text::rfc3339(key.created_unix_ms),
        time(key.expires_unix_ms),
        time(key.last_used_unix_ms),
        if key.revoked_unix_ms.is_some() {
            "revoked"
        } else {
            "valid"
        }
        .to_owned(),
    ]
}
