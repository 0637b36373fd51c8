//! How good a version is on a split.

use super::{aligned, row, section};
use crate::backend::EvaluationView;

/// How many of the surest mistakes are listed.
const MISTAKES_MAX: usize = 10;

/// Metrics with their intervals, the numbers of each class, and the surest mistakes.
pub(crate) fn evaluation(view: &EvaluationView) -> String {
    let evaluation = &view.evaluation;
    let is_of_tokens = evaluation.is_of_tokens();
    let mut text = format!(
        "{}@{} on {}: {} {}\n\n",
        view.model,
        view.version,
        view.dataset,
        evaluation.examples,
        if is_of_tokens { "tokens" } else { "examples" }
    );
    let metrics: Vec<Vec<String>> = evaluation
        .metrics
        .keys()
        .map(|name| row([name, &evaluation.shown(name)]))
        .collect();
    text.push_str(&aligned(&metrics));
    if let Some(note) = evaluation.interval_note() {
        text.push('\n');
        text.push_str(&note);
        text.push('\n');
    }
    if is_of_tokens {
        return text;
    }

    if let Some(residuals) = &evaluation.residuals {
        let mut errors = vec![row(["EXAMPLE", "IS", "PREDICTED"])];
        for error in residuals.largest.iter().take(MISTAKES_MAX) {
            errors.push(row([
                &error.id,
                &format!("{:.4}", error.truth),
                &format!("{:.4}", error.predicted),
            ]));
        }
        section(&mut text, "largest errors", &aligned(&errors));
        return text;
    }

    if !evaluation.classes.is_empty() {
        let mut classes = vec![row(["CLASS", "EXAMPLES", "PRECISION", "RECALL", "F1"])];
        for class in &evaluation.classes {
            classes.push(row([
                &class.label,
                &class.support.to_string(),
                &format!("{:.4}", class.precision),
                &format!("{:.4}", class.recall),
                &format!("{:.4}", class.f1),
            ]));
        }
        section(&mut text, "classes", &aligned(&classes));
    }

    let mut mistakes = vec![row(["EXAMPLE", "IS", "TAKEN FOR", "SURE"])];
    for mistake in evaluation.most_confused.iter().take(MISTAKES_MAX) {
        mistakes.push(row([
            &mistake.id,
            &mistake.label,
            &mistake.predicted,
            &format!("{:.1} %", mistake.probability * 100.0),
        ]));
    }
    if mistakes.len() > 1 {
        section(&mut text, "surest mistakes", &aligned(&mistakes));
    }
    text
}
