//! From a reference to a version, in memory.

use std::collections::{BTreeMap, HashMap};

use mofang_store::{RouteRecord, VersionStatus};
use mofang_types::{AliasName, ArtifactDigest, ModelName, ModelReference, Selector, closest};

use crate::RegistryError;

/// With more models than this, an unknown name gets no suggestion: comparing it with all of them
/// would cost more than the answer is worth.
const SUGGESTION_MODELS_MAX: usize = 1_000;

/// The version that a reference means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    /// The model.
    pub model: ModelName,
    /// The version's number.
    pub number: u32,
    /// The version's id.
    pub version_id: String,
    /// The package.
    pub package_digest: ArtifactDigest,
}

#[derive(Debug)]
struct VersionRoute {
    route: Route,
    /// Why it must not be used, when it must not.
    quarantine: Option<String>,
}

#[derive(Debug, Default)]
struct ModelRoutes {
    versions: BTreeMap<u32, VersionRoute>,
    aliases: HashMap<AliasName, u32>,
}

/// Every route, at one point in time.
#[derive(Debug, Default)]
pub(crate) struct RouteTable {
    models: HashMap<ModelName, ModelRoutes>,
}

impl RouteTable {
    pub(crate) fn new(records: Vec<RouteRecord>) -> Self {
        let mut models: HashMap<ModelName, ModelRoutes> = HashMap::new();
        for record in records {
            let routes = models.entry(record.model.clone()).or_default();
            for alias in record.aliases {
                routes.aliases.insert(alias, record.number);
            }
            let quarantine = (record.status == VersionStatus::Quarantined).then(|| {
                record
                    .status_reason
                    .unwrap_or_else(|| "no reason was recorded".to_owned())
            });
            let route = Route {
                model: record.model,
                number: record.number,
                version_id: record.version_id,
                package_digest: record.package_digest,
            };
            routes
                .versions
                .insert(route.number, VersionRoute { route, quarantine });
        }
        Self { models }
    }

    /// The version that `reference` means, usable or not.
    pub(crate) fn locate(&self, reference: &ModelReference) -> Result<&Route, RegistryError> {
        self.find(reference).map(|version| &version.route)
    }

    /// The version that `reference` means, when it can be used.
    pub(crate) fn resolve(&self, reference: &ModelReference) -> Result<&Route, RegistryError> {
        let VersionRoute { route, quarantine } = self.find(reference)?;
        match quarantine {
            None => Ok(route),
            Some(reason) => Err(RegistryError::Quarantined {
                model: route.model.clone(),
                number: route.number,
                reason: reason.clone(),
            }),
        }
    }

    /// Whether the version exists and can be used.
    pub(crate) fn is_usable(&self, model: &ModelName, number: u32) -> bool {
        self.models
            .get(model)
            .and_then(|routes| routes.versions.get(&number))
            .is_some_and(|version| version.quarantine.is_none())
    }

    /// The aliases that name the version, by name.
    pub(crate) fn aliases(&self, model: &ModelName, number: u32) -> Vec<AliasName> {
        let mut aliases: Vec<AliasName> = self
            .models
            .get(model)
            .into_iter()
            .flat_map(|routes| &routes.aliases)
            .filter(|(_, named)| **named == number)
            .map(|(alias, _)| alias.clone())
            .collect();
        aliases.sort();
        aliases
    }

    fn find(&self, reference: &ModelReference) -> Result<&VersionRoute, RegistryError> {
        let model = &reference.model;
        let routes = self.models.get(model).ok_or_else(|| self.unknown(model))?;
        let number = match &reference.selector {
            Selector::Latest => {
                let latest = routes.versions.last_key_value();
                return latest.map(|(_, version)| version).ok_or_else(|| {
                    RegistryError::NoVersion {
                        model: model.clone(),
                    }
                });
            }
            Selector::Version(number) => *number,
            Selector::Alias(alias) => {
                *routes
                    .aliases
                    .get(alias)
                    .ok_or_else(|| RegistryError::AliasNotFound {
                        model: model.clone(),
                        alias: alias.clone(),
                    })?
            }
        };
        routes
            .versions
            .get(&number)
            .ok_or_else(|| RegistryError::VersionNotFound {
                model: model.clone(),
                number,
            })
    }

    fn unknown(&self, model: &ModelName) -> RegistryError {
        let meant = if self.models.len() <= SUGGESTION_MODELS_MAX {
            closest(model.as_str(), self.models.keys().map(ModelName::as_str))
        } else {
            None
        };
        RegistryError::ModelNotFound {
            model: model.clone(),
            hint: meant.map_or_else(String::new, |meant| format!("; did you mean \"{meant}\"?")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(model: &str, number: u32, aliases: &[&str]) -> RouteRecord {
        RouteRecord {
            model: model.parse().unwrap(),
            number,
            version_id: format!("{model}-{number}"),
            package_digest: ArtifactDigest::of(b""),
            status: VersionStatus::Ready,
            status_reason: None,
            aliases: aliases.iter().map(|alias| alias.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn references_find_their_version_or_say_what_is_missing() {
        let mut bad = record("digits", 3, &["staging"]);
        bad.status = VersionStatus::Quarantined;
        bad.status_reason = Some("flipped".to_owned());
        let table = RouteTable::new(vec![
            record("digits", 2, &["production"]),
            record("digits", 10, &[]),
            bad,
        ]);
        for (reference, expected) in [
            ("digits", Ok(10)),
            ("digits@latest", Ok(10)),
            ("digits@2", Ok(2)),
            ("digits@production", Ok(2)),
            (
                "digits@3",
                Err("version \"digits@3\" is quarantined: flipped"),
            ),
            (
                "digits@staging",
                Err("version \"digits@3\" is quarantined: flipped"),
            ),
            ("digits@4", Err("version \"digits@4\" does not exist")),
            (
                "digits@canary",
                Err("alias \"digits@canary\" does not exist"),
            ),
            (
                "digit",
                Err("model \"digit\" does not exist; did you mean \"digits\"?"),
            ),
            ("other", Err("model \"other\" does not exist")),
        ] {
            let answer = table.resolve(&reference.parse().unwrap());
            match expected {
                Ok(number) => assert_eq!(answer.unwrap().number, number, "{reference}"),
                Err(text) => assert_eq!(answer.unwrap_err().to_string(), text),
            }
        }
        assert_eq!(
            table.locate(&"digits@3".parse().unwrap()).unwrap().number,
            3
        );
    }
}
