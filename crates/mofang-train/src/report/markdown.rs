//! The report for people.

use std::fmt::Write as _;

use mofang_data::SplitName;

use super::facts::{RunFacts, reason_name};
use crate::StopReason;
use crate::evaluation::Evaluation;
use crate::gate::GateResult;
use crate::metrics::Judged;
use crate::mistakes::Mistake;
use crate::residuals::Residuals;

/// The report as Markdown.
pub(super) fn write(
    facts: &RunFacts<'_>,
    reason: &StopReason,
    evaluation: Option<&Evaluation>,
    has_pictures: bool,
    gate: &GateResult,
) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, facts, reason, evaluation, has_pictures, gate);
    text
}

fn write_all(
    out: &mut String,
    facts: &RunFacts<'_>,
    reason: &StopReason,
    evaluation: Option<&Evaluation>,
    has_pictures: bool,
    gate: &GateResult,
) -> std::fmt::Result {
    let recipe = facts.recipe;
    writeln!(out, "# {}: run {}\n", recipe.model.name, facts.run_id)?;
    if !recipe.model.description.is_empty() {
        writeln!(out, "{}\n", recipe.model.description)?;
    }
    writeln!(
        out,
        "Ended after {} steps in {:.1} s: {reason}.\n",
        facts.state.step,
        facts.state.elapsed_ms as f64 / 1000.0
    )?;
    match gate.refusal() {
        Some(refusal) => writeln!(out, "**Not published on its own:** {refusal}.\n")?,
        None if gate.checks.is_empty() => {}
        None => {
            for check in &gate.checks {
                writeln!(out, "- {check}")?;
            }
            writeln!(out)?;
        }
    }
    let judged = Judged::of(recipe.model.task);
    write_evaluation(out, evaluation, judged, has_pictures)?;
    write_epochs(out, facts)?;
    write_data(out, facts)?;
    writeln!(out, "## How to repeat it\n")?;
    writeln!(out, "| | |\n| --- | --- |")?;
    writeln!(
        out,
        "| architecture | {} ({} parameters) |",
        recipe.architecture.name, facts.parameters
    )?;
    writeln!(out, "| recipe | `{}` |", recipe.digest())?;
    writeln!(out, "| weights | `{}` |", facts.weights_digest)?;
    writeln!(out, "| seed | {} |", facts.state.seed)?;
    writeln!(out, "| threads | {} |", facts.state.compute_threads)?;
    writeln!(out, "| device | {} |", cell(&facts.state.device))?;
    writeln!(out, "| mofang | {} |", env!("CARGO_PKG_VERSION"))
}

fn write_evaluation(
    out: &mut String,
    evaluation: Option<&Evaluation>,
    judged: Judged,
    has_pictures: bool,
) -> std::fmt::Result {
    let Some(evaluation) = evaluation else {
        return writeln!(out, "The dataset has no test split; nothing was judged.\n");
    };
    let what = match judged {
        Judged::Classes | Judged::Numbers => "examples",
        Judged::Tokens => "tokens",
        Judged::Transcripts => "recordings",
    };
    writeln!(out, "## Test split ({} {what})\n", evaluation.examples)?;
    let baselines = &evaluation.baselines;
    let mut header = "| metric | value |".to_owned();
    let mut rule = "| --- | ---: |".to_owned();
    for name in baselines.keys() {
        let _ = write!(header, " {} |", cell(name));
        rule.push_str(" ---: |");
    }
    writeln!(out, "{header}\n{rule}")?;
    for name in evaluation.metrics.keys() {
        write!(out, "| {name} | {} |", evaluation.shown(name))?;
        for baseline in baselines.values() {
            match baseline.get(name) {
                Some(value) => write!(out, " {value:.4} |")?,
                None => write!(out, " - |")?,
            }
        }
        writeln!(out)?;
    }
    if let Some(note) = evaluation.interval_note() {
        writeln!(out, "\n{note}")?;
    }
    if !baselines.is_empty() {
        writeln!(
            out,
            "\nBeside each value stands what is reached without the model."
        )?;
    }
    if let Some(residuals) = &evaluation.residuals {
        return write_residuals(out, residuals);
    }
    if evaluation.classes.is_empty() {
        writeln!(out)?;
        return write_mistakes(out, &evaluation.most_confused, false);
    }
    writeln!(
        out,
        "\n| class | examples | precision | recall | F1 |\n| --- | ---: | ---: | ---: | ---: |"
    )?;
    for class in &evaluation.classes {
        writeln!(
            out,
            "| {} | {} | {:.4} | {:.4} | {:.4} |",
            cell(&class.label),
            class.support,
            class.precision,
            class.recall,
            class.f1
        )?;
    }
    writeln!(out, "\n![confusion matrix](confusion.svg)\n")?;
    write_mistakes(out, &evaluation.most_confused, has_pictures)
}

/// How far predicted numbers are from the true ones.
fn write_residuals(out: &mut String, residuals: &Residuals) -> std::fmt::Result {
    writeln!(out, "\n![predicted over true](numbers.svg)\n")?;
    writeln!(
        out,
        "| share of examples | predicted − true at most |\n| ---: | ---: |"
    )?;
    let mut quantiles: Vec<(u32, f64)> = residuals
        .quantiles
        .iter()
        .filter_map(|(percent, value)| Some((percent.parse().ok()?, *value)))
        .collect();
    quantiles.sort_by_key(|(percent, _)| *percent);
    for (percent, value) in quantiles {
        writeln!(out, "| {percent} % | {value:.4} |")?;
    }
    if residuals.largest.is_empty() {
        return writeln!(out);
    }
    writeln!(
        out,
        "\nThe largest errors:\n\n| example | is | predicted |\n| --- | ---: | ---: |"
    )?;
    for error in &residuals.largest {
        let id = cell(&error.id);
        writeln!(
            out,
            "| {id} | {:.4} | {:.4} |",
            error.truth, error.predicted
        )?;
    }
    writeln!(out)
}

/// The surest mistakes: as a picture of images, as a list of anything else.
fn write_mistakes(out: &mut String, mistakes: &[Mistake], has_pictures: bool) -> std::fmt::Result {
    if mistakes.is_empty() {
        return Ok(());
    }
    writeln!(out, "The surest mistakes:\n")?;
    if has_pictures {
        return writeln!(out, "![most confused examples](most_confused.svg)\n");
    }
    writeln!(
        out,
        "| example | is | taken for | probability |\n| --- | --- | --- | ---: |"
    )?;
    for mistake in mistakes {
        writeln!(
            out,
            "| {} | {} | {} | {:.4} |",
            example_cell(mistake),
            cell(&mistake.label),
            cell(&mistake.predicted),
            mistake.probability
        )?;
    }
    writeln!(out)
}

fn write_epochs(out: &mut String, facts: &RunFacts<'_>) -> std::fmt::Result {
    writeln!(out, "## Training\n\n![loss](loss.svg)\n")?;
    // Of numbers there is no accuracy; the two that are told stand for loss and accuracy.
    let [first, second] = match Judged::of(facts.recipe.model.task) {
        Judged::Classes => ["log_loss", "accuracy"],
        Judged::Numbers => ["rmse", "r2"],
        Judged::Tokens => ["cross_entropy", "perplexity"],
        Judged::Transcripts => ["word_error_rate", "exact_match"],
    };
    writeln!(
        out,
        "| epoch | loss | accuracy | validation {} | validation {second} | learning rate | s |",
        if first == "log_loss" { "loss" } else { first }
    )?;
    writeln!(out, "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
    for epoch in &facts.state.history {
        let validation = |name: &str| {
            let value = epoch.validation.get(name);
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
        };
        writeln!(
            out,
            "| {} | {:.4} | {} | {} | {} | {:.3e} | {:.1} |",
            epoch.epoch,
            epoch.loss,
            epoch
                .accuracy
                .map_or_else(|| "-".to_owned(), |accuracy| format!("{accuracy:.4}")),
            validation(first),
            validation(second),
            epoch.learning_rate,
            epoch.elapsed_ms as f64 / 1000.0
        )?;
    }
    if let Some(best) = &facts.state.early_stopping.best {
        let monitor = &facts.recipe.train.monitor;
        writeln!(
            out,
            "\nBest epoch by {monitor} on the validation split: {} ({:.4}).",
            best.epoch, best.value
        )?;
    }
    writeln!(out)
}

fn write_data(out: &mut String, facts: &RunFacts<'_>) -> std::fmt::Result {
    writeln!(out, "## Data: {}\n", cell(&facts.dataset.entry.title))?;
    writeln!(out, "| split | examples | SHA-256 |\n| --- | ---: | --- |")?;
    for name in SplitName::ALL {
        if let Some(split) = facts.dataset.splits.get(&name) {
            writeln!(out, "| {name} | {} | `{}` |", split.len(), split.digest())?;
        }
    }
    let notes = facts.pipeline.notes();
    if !notes.is_empty() {
        writeln!(out)?;
    }
    for note in notes {
        writeln!(out, "- {}", cell(&note))?;
    }
    let twice = facts.dataset.cleaning.rows_in_two_splits;
    if twice > 0 {
        writeln!(
            out,
            "\n{twice} rows of the train split are in another split too, the target included; they are kept \
             (`repetitions = \"remove\"` in [data.split] removes them)."
        )?;
    }
    let removed = facts.dataset.cleaning.counts();
    if removed.is_empty() {
        return writeln!(out, "\nCleaning removed nothing.\n");
    }
    let removed: Vec<String> = removed
        .into_iter()
        .map(|(reason, count)| format!("{} {count}", reason_name(reason)))
        .collect();
    writeln!(out, "\nCleaning removed: {}.\n", removed.join(", "))
}

/// Where an example stands, and what it says where it is a text.
fn example_cell(mistake: &Mistake) -> String {
    let id = cell(&mistake.id);
    match &mistake.excerpt {
        Some(excerpt) => format!("{id}: {}", cell(excerpt)),
        None => id,
    }
}

/// Text that cannot break out of a table's cell.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('<', "&lt;")
        .replace(['\n', '\r'], " ")
}
