//! What a recipe of trees may say.

use mofang_data::Domain;

use super::{Recipe, RecipeError};

/// The settings of `[train]` that are for networks, and why trees have no use for them.
const OF_NETWORKS: [(&str, &str); 11] = [
    ("batch_size", "trees look at all rows at once"),
    ("checkpoint_every_steps", "trees have no checkpoints"),
    ("checkpoints_kept", "trees have no checkpoints"),
    ("clip_norm", "the gradient only tells where a tree is split"),
    ("drop_last", "trees look at all rows at once"),
    ("freeze", "every tree is new"),
    ("group_by_length", "trees look at all rows at once"),
    ("label_smoothing", "trees learn the labels as they are"),
    (
        "learning_rate_factors",
        "every tree has the learning_rate of [architecture.config]",
    ),
    (
        "optimizer",
        "how far a tree goes is learning_rate in [architecture.config]",
    ),
    (
        "schedule",
        "every tree has the learning_rate of [architecture.config]",
    ),
];

/// Checks a recipe of trees. A setting that would change nothing is refused, so that nobody looks for its
/// effect.
pub(super) fn check(recipe: &Recipe) -> Result<(), RecipeError> {
    mofang_trees::Settings::from_config(&recipe.architecture.config)?;
    let domain = recipe.pipeline.domain()?;
    if domain != Domain::Table {
        return Err(RecipeError::invalid(
            "architecture",
            format!("gradient_boosting takes rows of a table, and the pipeline takes {domain}"),
        ));
    }
    if recipe.architecture.initial_weights.is_some() {
        return Err(RecipeError::invalid(
            "architecture",
            "gradient_boosting begins with no weights; leave initial_weights out",
        ));
    }
    // The values do not tell a setting that is stated from a default.
    let text: toml::Table = recipe.text.parse().unwrap_or_default();
    let Some(stated) = text.get("train").and_then(toml::Value::as_table) else {
        return Ok(());
    };
    match OF_NETWORKS
        .iter()
        .find(|(key, _)| stated.contains_key(*key))
    {
        Some((key, reason)) => Err(RecipeError::invalid(
            "train",
            format!("`{key}` has no effect on gradient_boosting: {reason}; leave it out"),
        )),
        None => Ok(()),
    }
}
