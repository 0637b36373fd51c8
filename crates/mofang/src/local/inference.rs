//! Answers of models of the data directory, each loaded once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::rc::Rc;

use anyhow::Context as _;
use mofang_data::{RawExample, SplitReference};
use mofang_runtime::{GenerateSettings, Predictor, RuntimeError};
use mofang_types::{GenerationOptions, ModelReference};

use super::Local;
use crate::backend::{EvaluationView, Generated, Inference, Predicted};
use crate::exit::CodedResult as _;

/// Loaded models, by the id of their version.
#[derive(Debug, Default)]
pub(super) struct Predictors(RefCell<HashMap<String, Rc<Predictor>>>);

impl Local {
    /// The version's model with its model name and number.
    fn predictor(
        &self,
        reference: &ModelReference,
    ) -> anyhow::Result<(Rc<Predictor>, String, u32)> {
        let route = self.platform.registry.resolve(reference).coded()?;
        let known = self.predictors.0.borrow().get(&route.version_id).cloned();
        let predictor = if let Some(predictor) = known {
            predictor
        } else {
            let package = self
                .wait(self.platform.registry.load_package(&route))
                .coded()?;
            let predictor = Rc::new(Predictor::load(&package, &self.platform.runtime).coded()?);
            self.predictors
                .0
                .borrow_mut()
                .insert(route.version_id, Rc::clone(&predictor));
            predictor
        };
        Ok((predictor, route.model.into(), route.number))
    }
}

impl Inference for Local {
    fn predict(
        &self,
        reference: &ModelReference,
        example: RawExample,
        top_k: Option<usize>,
    ) -> anyhow::Result<Predicted> {
        let (predictor, model, version) = self.predictor(reference)?;
        let mut warnings = Vec::new();
        let prediction = predictor
            .predict_noting(&example, top_k, &mut warnings)
            .coded()?;
        Ok(Predicted {
            model,
            version,
            prediction,
            warnings,
        })
    }

    fn generate(
        &self,
        reference: &ModelReference,
        prompt: &str,
        options: &GenerationOptions,
        told: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> anyhow::Result<Generated> {
        let (predictor, model, version) = self.predictor(reference)?;
        let no_language_model = || RuntimeError::NoLanguageModel {
            task: predictor.manifest().task.to_string(),
        };
        let defaults = predictor
            .generation()
            .ok_or_else(no_language_model)
            .coded()?;
        let settings = GenerateSettings::new(options, defaults, 0);
        let prompt = RawExample::Text(prompt.to_owned());
        let mut warnings = Vec::new();
        let generated = predictor
            .generate(&prompt, &settings, &mut warnings, told)
            .coded()?;
        Ok(Generated {
            model,
            version: Some(version),
            generated,
            seed: settings.seed,
            warnings,
        })
    }

    fn evaluate(
        &self,
        reference: &ModelReference,
        split: &SplitReference,
    ) -> anyhow::Result<EvaluationView> {
        let failed = || format!("failed to evaluate {reference} on {split}");
        let (predictor, model, version) = self.predictor(reference).with_context(failed)?;
        let load = |settings: &_| self.platform.datasets.load(&split.dataset, settings);
        let evaluation = mofang_serving::evaluate(&predictor, split, load, &mut || Ok(()))
            .coded()
            .with_context(failed)?;
        Ok(EvaluationView {
            model,
            version,
            dataset: split.to_string(),
            evaluation,
        })
    }
}
