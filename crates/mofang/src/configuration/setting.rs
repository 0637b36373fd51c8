//! What can be set: the one list from which the file, the environment and `config show` are read.
//!
//! The settings of the binary itself stand here; those of a section are the fields of the section's
//! type in its own crate, with the type's own defaults.

use serde_json::Value;

/// One setting.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Its place in `mofang.toml`: `serve.listen` stands in the table `[serve]`.
    pub(crate) key: String,
    /// Its value when nobody says anything.
    pub(crate) default: Value,
    /// Whether it is never shown.
    pub(crate) is_secret: bool,
}

/// The settings of the binary: key, default.
const OWN: &[(&str, Option<&str>)] = &[
    ("accounts.bootstrap_token", None),
    ("accounts.first_user_from_loopback", Some("true")),
    ("accounts.open_role", Some("viewer")),
    ("accounts.registration", Some("closed")),
    ("accounts.requests_per_minute", Some("6000")),
    ("api_key", None),
    ("api_key_file", None),
    ("artifacts", None),
    ("data_dir", None),
    ("device", Some("cpu")),
    ("format", Some("text")),
    ("kernels", Some("on")),
    ("log.filter", None),
    ("log.format", Some("text")),
    ("serve.grpc_listen", None),
    ("serve.listen", Some("127.0.0.1:8080")),
    ("serve.metrics_listen", None),
    ("server", None),
    ("threads", None),
];

const SECRETS: &[&str] = &["accounts.bootstrap_token", "api_key"];

/// The sections that other crates define, with their defaults.
fn sections() -> Vec<(&'static str, Value)> {
    fn defaults<T: Default + serde::Serialize>() -> Value {
        serde_json::to_value(T::default()).unwrap_or_default()
    }
    vec![
        ("connections", defaults::<mofang_http::ServerSettings>()),
        ("hosts", defaults::<mofang_host::HostLimits>()),
        ("http", defaults::<mofang_http::HttpSettings>()),
        ("serving", defaults::<mofang_serving::ServingSettings>()),
    ]
}

impl Setting {
    /// Every setting, by key.
    pub(crate) fn all() -> Vec<Self> {
        let own = OWN.iter().map(|(key, default)| Self {
            key: (*key).to_owned(),
            default: default.map_or(Value::Null, Value::from),
            is_secret: SECRETS.contains(key),
        });
        let mut settings: Vec<Self> = own.collect();
        for (section, defaults) in sections() {
            let Value::Object(fields) = defaults else {
                continue;
            };
            settings.extend(fields.into_iter().map(|(name, default)| Self {
                key: format!("{section}.{name}"),
                default,
                is_secret: false,
            }));
        }
        settings.sort_by(|a, b| a.key.cmp(&b.key));
        settings
    }

    /// Its environment variable: `MOFANG_SERVE_LISTEN`.
    pub(crate) fn variable(&self) -> String {
        format!("MOFANG_{}", self.key.replace('.', "_").to_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn keys_and_variables_have_no_doubles() {
        let settings = Setting::all();
        let keys: BTreeSet<&str> = settings
            .iter()
            .map(|setting| setting.key.as_str())
            .collect();
        let variables: BTreeSet<String> = settings.iter().map(Setting::variable).collect();
        assert_eq!(
            (keys.len(), variables.len()),
            (settings.len(), settings.len())
        );
        for section in ["connections.", "hosts.", "http.", "serving."] {
            assert!(
                keys.iter().any(|key| key.starts_with(section)),
                "{section} has no settings"
            );
        }
    }
}
