//! Where models run: in processes of their own, or in this one.

use std::sync::Arc;
use std::time::Duration;

use mofang_onnx::{ModelDescription, Session, SessionOptions, Value};
use mofang_types::Clock;

use crate::{HostError, HostLimits, HostProgram, ModelHost};

/// Where models run.
#[derive(Debug, Clone, Default)]
pub enum Placement {
    /// In this process: what a model does wrong happens here. For tests, and for one's own files.
    #[default]
    Here,
    /// Each in a process of its own.
    OwnProcess {
        /// The binary of those processes.
        program: HostProgram,
        /// What each may take.
        limits: HostLimits,
        /// What its times are measured by.
        clock: Arc<dyn Clock>,
    },
}

impl Placement {
    /// The same place, where models stand back behind those that are served.
    #[must_use]
    pub fn in_background(&self) -> Self {
        let mut placement = self.clone();
        if let Self::OwnProcess { limits, .. } = &mut placement {
            limits.background = true;
        }
        placement
    }

    /// Loads an ONNX model where models run.
    ///
    /// # Errors
    /// As [`ModelHost::start`].
    pub fn load(&self, model: &[u8]) -> Result<PlacedModel, HostError> {
        match self {
            Self::Here => {
                let session = Session::load(model, SessionOptions::default())?;
                Ok(PlacedModel(Place::Here(Box::new(session))))
            }
            Self::OwnProcess {
                program,
                limits,
                clock,
            } => {
                let host = ModelHost::start(program.clone(), model, *limits, Arc::clone(clock))?;
                Ok(PlacedModel(Place::OwnProcess(Box::new(host))))
            }
        }
    }
}

/// A model that is loaded where models run.
#[derive(Debug)]
pub struct PlacedModel(Place);

#[derive(Debug)]
enum Place {
    Here(Box<Session>),
    OwnProcess(Box<ModelHost>),
}

impl PlacedModel {
    /// What the model says of itself.
    pub fn description(&self) -> &ModelDescription {
        match &self.0 {
            Place::Here(session) => session.description(),
            Place::OwnProcess(host) => host.description(),
        }
    }

    /// Runs the model. `timeout` shortens the limit of a process; there is none in this one.
    ///
    /// # Errors
    /// As [`Session::run`] and [`ModelHost::run`].
    pub fn run(
        &self,
        inputs: &[(&str, &Value)],
        timeout: Option<Duration>,
    ) -> Result<Vec<(String, Value)>, HostError> {
        match &self.0 {
            Place::Here(session) => Ok(session.run(inputs)?),
            Place::OwnProcess(host) => host.run(inputs, timeout),
        }
    }
}
