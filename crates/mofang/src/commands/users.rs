//! `mofang users …`; passwords come from stdin, never from the line, which other users can see.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::Table;
use crate::time_text;

/// Users.
#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// List the users
    List,
    /// Make a user; the first one becomes admin
    Create {
        /// The name to log in with
        name: String,
        /// What the user may do at most: viewer, caller, editor or admin
        #[arg(long)]
        role: Option<String>,
        /// Read the password from the first line of stdin
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Give a user another role
    Role {
        /// The user
        name: String,
        /// viewer, caller, editor or admin
        role: String,
    },
    /// Close an account: its sessions end and its keys are revoked
    Disable {
        /// The user
        name: String,
    },
    /// Open a closed account
    Enable {
        /// The user
        name: String,
    },
    /// Give a user another password
    Password {
        /// The user
        name: String,
        /// Read the new password from stdin; with --server the present one stands on a line before it
        #[arg(long, required = true)]
        password_stdin: bool,
    },
}

/// Runs the command.
pub(crate) fn run(context: &Context, command: &UsersCommand) -> anyhow::Result<()> {
    let backend = context.backend()?;
    let output = &context.output;
    match command {
        UsersCommand::List => output.table(&Table::new(
            &["NAME", "ROLE", "STATUS", "CREATED", "ID"],
            &backend.users()?,
            |user| {
                vec![
                    user.name.clone(),
                    user.role.clone(),
                    if user.disabled { "disabled" } else { "enabled" }.to_owned(),
                    time_text::rfc3339(user.created_unix_ms),
                    user.id.clone(),
                ]
            },
        )?),
        UsersCommand::Create { name, role, .. } => {
            let lines = password_lines()?;
            let user = backend.create_user(name, last(&lines)?, role.as_deref())?;
            output.done(
                &user,
                &format!("the user {} is registered as {}", user.name, user.role),
            )
        }
        UsersCommand::Role { name, role } => {
            backend.set_role(name, role)?;
            output.done(
                &json!({ "name": name, "role": role }),
                &format!("the user {name} is {role} now"),
            )
        }
        UsersCommand::Disable { name } => {
            backend.set_disabled(name, true)?;
            output.done(
                &json!({ "name": name, "disabled": true }),
                &format!("the account of {name} is closed"),
            )
        }
        UsersCommand::Enable { name } => {
            backend.set_disabled(name, false)?;
            output.done(
                &json!({ "name": name, "disabled": false }),
                &format!("the account of {name} is open"),
            )
        }
        UsersCommand::Password { name, .. } => {
            let lines = password_lines()?;
            let current = (lines.len() > 1).then(|| lines[0].as_str());
            backend.set_password(name, current, last(&lines)?)?;
            output.done(
                &json!({ "name": name }),
                &format!("{name} has a new password; sessions of before have ended"),
            )
        }
    }
}

/// At most two lines of stdin.
fn password_lines() -> anyhow::Result<Vec<String>> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::bad_input(
            "failed to read the password: stdin is a terminal, which would show it; pipe it in, e.g. from a password manager",
        )
        .into());
    }
    stdin
        .lock()
        .lines()
        .take(2)
        .collect::<Result<Vec<String>, _>>()
        .context("failed to read the password from stdin")
}

fn last(lines: &[String]) -> anyhow::Result<&str> {
    lines
        .last()
        .map(String::as_str)
        .filter(|line| !line.is_empty())
        .ok_or_else(|| Failure::bad_input("failed to read the password: stdin is empty").into())
}
