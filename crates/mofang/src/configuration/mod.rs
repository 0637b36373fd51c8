//! Settings: `mofang.toml`, overridden by `MOFANG_*`, overridden by flags; each knows where it came from.
//!
//! This is the only place that reads the environment and the settings file.

mod setting;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use mofang_types::closest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use setting::Setting;

use crate::exit::Failure;

/// The name of the settings file in the working directory.
const FILE: &str = "mofang.toml";

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody said anything.
    Default,
    /// The settings file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value as `config show` tells it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    key: String,
    value: Value,
    source: String,
}

impl Shown {
    /// The row of the listing.
    pub(crate) fn row(&self) -> Vec<String> {
        let value = if self.value.is_null() {
            "-".to_owned()
        } else {
            text_of(&self.value)
        };
        vec![self.key.clone(), value, self.source.clone()]
    }
}

/// All settings with their sources.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    settings: Vec<Setting>,
    values: BTreeMap<String, (Value, Source)>,
}

impl Configuration {
    /// Puts the settings together; `flags` by key.
    pub(crate) fn read(
        flags: &[(&'static str, Option<String>)],
        file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        Self::merge(flags, file, &environment)
    }

    fn merge(
        flags: &[(&'static str, Option<String>)],
        file: Option<&Path>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let settings = Setting::all();
        let mut values = BTreeMap::new();
        let named = file
            .map(Path::to_owned)
            .or_else(|| environment("MOFANG_CONFIG").map(PathBuf::from));
        let path = named.clone().unwrap_or_else(|| PathBuf::from(FILE));
        if named.is_some() || path.is_file() {
            for (key, value) in read_file(&path, &settings)? {
                values.insert(key, (value, Source::File(path.clone())));
            }
        }
        for setting in &settings {
            let variable = setting.variable();
            if let Some(text) = environment(&variable) {
                values.insert(
                    setting.key.clone(),
                    (
                        value_of(&text, &setting.default),
                        Source::Environment(variable),
                    ),
                );
            }
        }
        for (key, value) in flags {
            if let Some(value) = value {
                let flag = format!(
                    "--{}",
                    key.rsplit('.').next().unwrap_or(key).replace('_', "-")
                );
                values.insert(
                    (*key).to_owned(),
                    (Value::from(value.clone()), Source::Flag(flag)),
                );
            }
        }
        Ok(Self { settings, values })
    }

    fn value(&self, key: &str) -> Option<&Value> {
        let given = self.values.get(key).map(|(value, _)| value);
        given.or_else(|| {
            self.settings
                .iter()
                .find(|setting| setting.key == key)
                .map(|setting| &setting.default)
        })
    }

    fn source(&self, key: &str) -> Source {
        self.values
            .get(key)
            .map_or(Source::Default, |(_, source)| source.clone())
    }

    /// The text of a setting: as given, or its default.
    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.value(key).map(text_of).filter(|text| !text.is_empty())
    }

    /// A setting, read as a `T`; the error names where the value came from.
    pub(crate) fn parse<T: FromStr>(&self, key: &str) -> anyhow::Result<Option<T>>
    where
        T::Err: std::fmt::Display,
    {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|error: T::Err| {
            let source = self.source(key);
            Failure::bad_input(format!(
                "failed to read \"{text}\" as {key} (from {source}): {error}"
            ))
            .into()
        })
    }

    /// The settings of a section of another crate.
    pub(crate) fn section<T: DeserializeOwned>(&self, section: &str) -> anyhow::Result<T> {
        let prefix = format!("{section}.");
        let mut fields = serde_json::Map::new();
        for setting in &self.settings {
            if let Some(name) = setting.key.strip_prefix(&prefix) {
                fields.insert(
                    name.to_owned(),
                    self.value(&setting.key).cloned().unwrap_or_default(),
                );
            }
        }
        serde_json::from_value(Value::Object(fields)).map_err(|error| {
            let given: Vec<String> = self
                .values
                .iter()
                .filter(|(key, _)| key.starts_with(&prefix))
                .map(|(key, (_, source))| format!("{key} from {source}"))
                .collect();
            Failure::bad_input(format!(
                "failed to read the settings [{section}] ({}): {error}",
                given.join(", ")
            ))
            .into()
        })
    }

    /// The data directory: as given, or the platform's place for data.
    pub(crate) fn data_dir(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = self.get("data_dir") {
            return Ok(PathBuf::from(path));
        }
        platform_data_dir().ok_or_else(|| {
            Failure::bad_input(
                "this user has no home directory; name a data directory with --data-dir",
            )
            .into()
        })
    }

    /// The key for a server: given, or read from the file that was named.
    pub(crate) fn api_key(&self) -> anyhow::Result<Option<String>> {
        if let Some(key) = self.get("api_key") {
            return Ok(Some(key.trim().to_owned()));
        }
        let Some(path) = self.get("api_key_file") else {
            return Ok(None);
        };
        let text = crate::data_dir::read_text(Path::new(&path))?;
        Ok(Some(text.trim().to_owned()))
    }

    /// Every setting for `config show`, secrets masked.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let shown = |setting: &Setting| {
            let value = self.value(&setting.key).cloned().unwrap_or_default();
            Shown {
                value: match (setting.key.as_str(), value) {
                    ("data_dir", Value::Null) => platform_data_dir()
                        .map_or(Value::Null, |path| path.display().to_string().into()),
                    (_, Value::Null) => Value::Null,
                    (_, _) if setting.is_secret => Value::from("********"),
                    (_, value) => value,
                },
                key: setting.key.clone(),
                source: self.source(&setting.key).to_string(),
            }
        };
        self.settings.iter().map(shown).collect()
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// A text of the environment as a value of the default's kind.
fn value_of(text: &str, default: &Value) -> Value {
    if default.is_string() {
        return Value::from(text);
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// The settings of a file, flattened: `[serve] listen` is `serve.listen`.
fn read_file(path: &Path, settings: &[Setting]) -> anyhow::Result<Vec<(String, Value)>> {
    let failed = |reason: &dyn std::fmt::Display| {
        Failure::bad_input(format!(
            "failed to read the settings file {}: {reason}",
            path.display()
        ))
    };
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let table: BTreeMap<String, Value> = toml::from_str(&text).map_err(|error| failed(&error))?;
    let mut flat = Vec::new();
    for (key, value) in table {
        if let Value::Object(inner) = value {
            flat.extend(
                inner
                    .into_iter()
                    .map(|(name, value)| (format!("{key}.{name}"), value)),
            );
        } else {
            flat.push((key, value));
        }
    }
    for (key, _) in &flat {
        if settings.iter().any(|setting| setting.key == *key) {
            continue;
        }
        let suggestion = closest(key, settings.iter().map(|setting| setting.key.as_str()))
            .map(|key| format!("; did you mean \"{key}\"?"))
            .unwrap_or_default();
        return Err(failed(&format!("unknown setting \"{key}\"{suggestion}")).into());
    }
    Ok(flat)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where the environment enters"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What begins the names of the variables by which cloud stores are configured.
const CLOUD_PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// Credentials, regions and endpoints for the store of artifacts, by the names that every tool of
/// these clouds reads: `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, `GOOGLE_APPLICATION_CREDENTIALS`, …
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the environment enters"
)]
pub(crate) fn cloud_options() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| CLOUD_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect()
}

/// Where this platform keeps data of programs.
fn platform_data_dir() -> Option<PathBuf> {
    if let Some(folder) = environment("XDG_DATA_HOME") {
        return Some(PathBuf::from(folder).join("mofang"));
    }
    let home = std::env::home_dir()?;
    Some(if cfg!(target_os = "macos") {
        home.join("Library/Application Support/mofang")
    } else if cfg!(windows) {
        environment("APPDATA")
            .map_or_else(|| home.join("AppData/Roaming"), PathBuf::from)
            .join("mofang")
    } else {
        home.join(".local/share/mofang")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mofang.toml");
        fs::write(&file, "data_dir = \"from-file\"\n[serve]\nlisten = \"127.0.0.1:1\"\n[serving]\nmax_batch_size = 7\n").unwrap();
        let environment =
            |name: &str| (name == "MOFANG_SERVE_LISTEN").then(|| "127.0.0.1:2".to_owned());
        let configuration = Configuration::merge(
            &[("data_dir", Some("from-flag".to_owned()))],
            Some(&file),
            &environment,
        )
        .unwrap();
        assert_eq!(configuration.get("data_dir").as_deref(), Some("from-flag"));
        assert_eq!(
            configuration.get("serve.listen").as_deref(),
            Some("127.0.0.1:2")
        );
        let serving: mofang_serving::ServingSettings = configuration.section("serving").unwrap();
        assert_eq!(serving.max_batch_size, 7);
        let shown = configuration.shown();
        let listen = shown
            .iter()
            .find(|shown| shown.key == "serve.listen")
            .unwrap();
        assert_eq!(listen.source, "MOFANG_SERVE_LISTEN");
    }

    #[test]
    fn an_unknown_setting_gets_a_suggestion() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mofang.toml");
        fs::write(&file, "[serve]\nlisen = \"127.0.0.1:1\"\n").unwrap();
        let message = Configuration::merge(&[], Some(&file), &nothing)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("did you mean \"serve.listen\"?"),
            "{message}"
        );
    }

    #[test]
    fn secrets_are_masked() {
        let key = "mf_secret".to_owned();
        let configuration =
            Configuration::merge(&[("api_key", Some(key))], None, &nothing).unwrap();
        let text = serde_json::to_string(&configuration.shown()).unwrap();
        assert!(!text.contains("mf_secret"), "{text}");
    }
}
