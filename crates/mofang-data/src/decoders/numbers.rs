//! From a model's output to a number in the units of what was learned, and back.

use mofang_types::{NamedNumber, Prediction};

use super::Decoder;
use crate::transforms::Scale;
use crate::{DataError, Example, Target};

/// What the decoders of a regression are together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Numbers {
    /// Mean and deviation of what was learned, in its logarithm where `has_exponential`.
    scale: Option<Scale>,
    /// Whether `destandardize` still waits for the data.
    is_unfitted: bool,
    has_exponential: bool,
}

impl Numbers {
    /// The form of a list of decoders; none when it is no regression's.
    pub(super) fn of(decoders: &[Decoder]) -> Option<Self> {
        let (first, rest) = match decoders {
            [Decoder::Destandardize { scale }, rest @ ..] => (Some(scale), rest),
            rest => (None, rest),
        };
        let (has_exponential, rest) = match rest {
            [Decoder::Exponential {}, rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        matches!(rest, [Decoder::Labels {}]).then(|| Self {
            scale: first.copied().flatten(),
            is_unfitted: matches!(first, Some(None)),
            has_exponential,
        })
    }

    pub(super) fn check_fitted(self) -> Result<(), DataError> {
        if self.is_unfitted {
            return Err(crate::transforms::table::unfitted("destandardize"));
        }
        Ok(())
    }

    /// The target in the units of the model's output.
    pub(crate) fn encode(self, target: &Target) -> Target {
        let Some(number) = target.number() else {
            return target.clone();
        };
        let number = if self.has_exponential {
            number.ln_1p()
        } else {
            number
        };
        Target::Number(self.scale.map_or(number, |scale| scale.apply(number)))
    }

    /// The number that an output stands for.
    pub(crate) fn decode(self, output: f32) -> f64 {
        let number = f64::from(output);
        let number = self
            .scale
            .map_or(number, |scale| number * scale.deviation + scale.mean);
        if self.has_exponential {
            number.exp_m1()
        } else {
            number
        }
    }

    pub(super) fn prediction(
        self,
        outputs: &[f32],
        names: &[String],
    ) -> Result<Prediction, DataError> {
        if outputs.len() != names.len() || outputs.is_empty() {
            return Err(DataError::WrongShape {
                actual: vec![outputs.len()],
                expected: format!("one number for each of the {} names", names.len()),
            });
        }
        let numbers = outputs.iter().zip(names).enumerate();
        let numbers = numbers.map(|(index, (output, name))| {
            let value = self.decode(*output);
            if value.is_finite() {
                Ok(NamedNumber {
                    name: name.clone(),
                    value,
                })
            } else {
                Err(DataError::NotFinite { index })
            }
        });
        Ok(Prediction::Numbers(numbers.collect::<Result<_, _>>()?))
    }
}

/// Finds the scale of what is to be learned.
pub(super) fn fit(decoders: &mut [Decoder], examples: &[Example]) -> Result<(), DataError> {
    let Some(mut numbers) = Numbers::of(decoders).filter(|numbers| numbers.is_unfitted) else {
        return Ok(());
    };
    numbers.scale = None;
    let targets: Vec<f64> = examples
        .iter()
        .filter_map(|example| numbers.encode(&example.target).number())
        .collect();
    if let Some(example) = targets
        .iter()
        .zip(examples)
        .find(|(number, _)| !number.is_finite())
    {
        return Err(DataError::malformed(
            &example.1.id,
            "what it is to learn is not above -1, where `exponential` begins, or no number",
        ));
    }
    if let Some(Decoder::Destandardize { scale }) = decoders.first_mut() {
        *scale = Some(Scale::of(targets.iter().copied()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RawExample;

    fn examples() -> Vec<Example> {
        [1.0, 3.0, 8.0, 20.0]
            .map(|number| Example {
                id: "a".to_owned(),
                input: RawExample::Text(String::new()),
                target: Target::Number(number),
            })
            .to_vec()
    }

    #[test]
    fn targets_go_into_the_units_of_the_model_and_come_back() {
        for with_exponential in [false, true] {
            let mut decoders = vec![Decoder::Destandardize { scale: None }, Decoder::Labels {}];
            if with_exponential {
                decoders.insert(1, Decoder::Exponential {});
            }
            assert!(Numbers::of(&decoders).unwrap().check_fitted().is_err());
            fit(&mut decoders, &examples()).unwrap();
            let numbers = Numbers::of(&decoders).unwrap();
            let encoded: Vec<f64> = examples()
                .iter()
                .map(|example| numbers.encode(&example.target).number().unwrap())
                .collect();
            assert!(encoded.iter().sum::<f64>().abs() < 1e-9);
            #[expect(clippy::cast_possible_truncation, reason = "outputs are f32")]
            let decoded = numbers.decode(encoded[3] as f32);
            assert!((decoded - 20.0).abs() < 1e-4, "{decoded}");
        }
    }

    #[test]
    fn lists_that_are_no_regressions_are_none() {
        let destandardize = Decoder::Destandardize { scale: None };
        for decoders in [
            vec![],
            vec![destandardize.clone()],
            vec![Decoder::Exponential {}, destandardize, Decoder::Labels {}],
            vec![Decoder::Softmax {}, Decoder::Labels {}],
        ] {
            assert_eq!(Numbers::of(&decoders), None, "{decoders:?}");
        }
        let mut decoders = vec![
            Decoder::Destandardize { scale: None },
            Decoder::Exponential {},
            Decoder::Labels {},
        ];
        let mut negative = examples();
        negative[0].target = Target::Number(-2.0);
        assert!(fit(&mut decoders, &negative).is_err());
    }
}
