//! What answers without a model would have reached, so that a model that learned nothing is seen.

use std::collections::BTreeMap;

use mofang_data::{CompiledPipeline, Split, Target};

use crate::metrics::{
    ClassOutcomes, Heard, NumberOutcomes, Outcomes, TranscriptOutcomes, compute_all,
};
use crate::ngram_baseline::trigrams;
use crate::text_baseline::linear;

/// The metrics of each baseline on `judged`: for classes the answer "each as probable as it is among the
/// training examples", whose best guess is the commonest, and for texts also those of a linear model; for
/// numbers the mean of the training examples.
pub(crate) fn baselines(
    train: &Split,
    judged: &Split,
    classes: usize,
) -> BTreeMap<String, BTreeMap<String, f64>> {
    let targets = |split: &Split| -> Vec<Target> {
        split
            .examples()
            .iter()
            .map(|example| example.target.clone())
            .collect()
    };
    let (learned, truth) = (targets(train), targets(judged));
    let of_classes =
        || majority(&learned, &truth, classes).map(|outcomes| ("majority class", outcomes));
    let of_numbers = || mean(&learned, &truth).map(|outcomes| ("mean", outcomes));
    let of_texts = linear(train, judged, classes);
    let of_texts = of_texts.map(|outcomes| ("linear model of n-grams", outcomes));
    of_classes()
        .or_else(of_numbers)
        .into_iter()
        .chain(of_texts)
        .map(|(name, outcomes)| (name.to_owned(), compute_all(&outcomes)))
        .collect()
}

/// The metrics of a model of three tokens on `judged`, whose texts the pipeline cuts into tokens; none where they
/// have none.
pub(crate) fn token_baselines(
    train: &Split,
    judged: &Split,
    pipeline: &CompiledPipeline,
) -> BTreeMap<String, BTreeMap<String, f64>> {
    let outcomes = trigrams(train, judged, pipeline).map(Outcomes::Tokens);
    let outcomes = outcomes.map(|outcomes| compute_all(&outcomes));
    let named = outcomes.map(|values| ("interpolated trigrams".to_owned(), values));
    named.into_iter().collect()
}

/// The metrics of the answer that every recording says what most training recordings say.
pub(crate) fn transcript_baselines(
    train: &Split,
    judged: &Split,
    pipeline: &CompiledPipeline,
) -> BTreeMap<String, BTreeMap<String, f64>> {
    let texts = |split: &Split| -> Vec<String> {
        let examples = split.examples().iter();
        examples
            .filter_map(|example| pipeline.transcript_of(&example.target))
            .collect()
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for text in texts(train) {
        *counts.entry(text).or_default() += 1;
    }
    // Of equally common ones the first by the alphabet.
    let commonest = counts.iter().rev().max_by_key(|(_, count)| **count);
    let Some((text, _)) = commonest else {
        return BTreeMap::new();
    };
    let heard = |truth| Heard {
        text: text.clone(),
        truth,
        probability: 1.0,
    };
    let outcomes = TranscriptOutcomes::new(texts(judged).into_iter().map(heard).collect());
    let outcomes = outcomes.ok().map(Outcomes::Transcripts);
    let named = outcomes.map(|outcomes| ("commonest text".to_owned(), compute_all(&outcomes)));
    named.into_iter().collect()
}

#[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
fn majority(learned: &[Target], truth: &[Target], classes: usize) -> Option<Outcomes> {
    let labels: Option<Vec<usize>> = truth.iter().map(Target::class).collect();
    let mut counts = vec![0_usize; classes];
    for class in learned.iter().filter_map(Target::class) {
        *counts.get_mut(class)? += 1;
    }
    // A class without an example gets a thousandth of one, so that its logarithm is finite.
    let logits: Vec<f32> = counts
        .iter()
        .map(|count| (*count as f64).max(1e-3).ln() as f32)
        .collect();
    let labels = labels?;
    let logits = logits.repeat(labels.len());
    let outcomes = ClassOutcomes::from_logits(&logits, &labels, classes).ok()?;
    Some(Outcomes::Classes(outcomes))
}

fn mean(learned: &[Target], truth: &[Target]) -> Option<Outcomes> {
    let numbers =
        |targets: &[Target]| -> Vec<f64> { targets.iter().filter_map(Target::number).collect() };
    let (learned, truth) = (numbers(learned), numbers(truth));
    let mean = learned.iter().sum::<f64>() / learned.len() as f64;
    let outcomes = NumberOutcomes::new(vec![mean; truth.len()], truth).ok()?;
    Some(Outcomes::Numbers(outcomes))
}

#[cfg(test)]
mod tests {
    use mofang_data::{Example, RawExample};

    use super::*;

    fn split(targets: &[Target]) -> Split {
        let example = |target: &Target| Example {
            id: String::new(),
            input: RawExample::Text(String::new()),
            target: target.clone(),
        };
        Split::new(targets.iter().map(example).collect())
    }

    #[test]
    fn a_baseline_knows_the_training_targets_only() {
        let train = split(&[0, 0, 0, 1].map(Target::Class));
        let test = split(&[1, 0].map(Target::Class));
        let classes = &baselines(&train, &test, 2)["majority class"];
        assert!((classes["accuracy"] - 0.5).abs() < 1e-12);
        let expected = -f64::midpoint(0.25_f64.ln(), 0.75_f64.ln());
        assert!((classes["log_loss"] - expected).abs() < 1e-6);

        let train = split(&[1.0, 3.0].map(Target::Number));
        let test = split(&[2.0, 4.0].map(Target::Number));
        let numbers = &baselines(&train, &test, 1)["mean"];
        assert!((numbers["mae"] - 1.0).abs() < 1e-12);
        assert!((numbers["r2"] + 1.0).abs() < 1e-12);
    }
}
