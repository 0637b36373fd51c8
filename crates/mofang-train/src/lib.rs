//! Recipes, the trainer, checkpoints, evaluation and reports.
