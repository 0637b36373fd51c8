//! A model that runs in a process of its own.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mofang_onnx::{ModelDescription, OnnxFile, Value};
use mofang_types::Clock;

use crate::error::HostError;
use crate::exchange::{self, memory_file};
use crate::limits::HostLimits;
use crate::message::{Reply, Request};
use crate::process::{HostProcess, HostProgram};

/// Bytes that are copied at once from the model's file.
const CHUNK_BYTES: usize = 1 << 20;

/// A model that runs in a process of its own. One request is in it at a time; others wait.
#[derive(Debug)]
pub struct ModelHost {
    program: HostProgram,
    limits: HostLimits,
    clock: Arc<dyn Clock>,
    description: ModelDescription,
    /// The model, for every process that is started for it.
    model: File,
    size_bytes: usize,
    state: Mutex<State>,
    /// The number of the process, 0 for none: it is asked for while a request holds the state.
    process_id: AtomicU32,
}

#[derive(Debug, Default)]
struct State {
    process: Option<HostProcess>,
    /// When processes failed, as long as the window reaches back.
    failures: VecDeque<Duration>,
    /// Why there will be no further process.
    quarantined: Option<HostError>,
}

impl ModelHost {
    /// Checks a model here, and loads it in a process of its own.
    ///
    /// # Errors
    /// When the file is refused, the engine refuses it, or its process does not survive the loading.
    pub fn start(
        program: HostProgram,
        model: &[u8],
        limits: HostLimits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HostError> {
        let description = OnnxFile::read(model)?.description().clone();
        let file = memory_file("mofang-model").map_err(HostError::io("no room for the model"))?;
        file.write_all_at(model, 0)
            .map_err(HostError::io("no room for the model"))?;
        let host = Self {
            program,
            limits,
            clock,
            description,
            model: file,
            size_bytes: model.len(),
            state: Mutex::default(),
            process_id: AtomicU32::new(0),
        };
        let process = host.start_process()?;
        host.state().process = Some(process);
        Ok(host)
    }

    /// What the model says of itself.
    pub fn description(&self) -> &ModelDescription {
        &self.description
    }

    /// Runs the model, as [`mofang_onnx::Session::run`] does. `timeout` shortens the limit.
    ///
    /// # Errors
    /// When the engine refuses the request, its process dies or is too slow, or the model is
    /// quarantined.
    pub fn run(
        &self,
        inputs: &[(&str, &Value)],
        timeout: Option<Duration>,
    ) -> Result<Vec<(String, Value)>, HostError> {
        let mut state = self.state();
        if let Some(quarantined) = &state.quarantined {
            return Err(quarantined.clone());
        }
        let timeout = timeout.map_or(self.limits.run_timeout, |timeout| {
            timeout.min(self.limits.run_timeout)
        });
        // It is only put back, and its number with it, when it lives.
        let running = state.process.take();
        let running = running.and_then(|mut process| (!process.is_gone()).then_some(process));
        let mut process = match running {
            Some(process) => process,
            None => self.restart_process().inspect_err(|error| {
                // What this machine lacks just now is no fault of the model's.
                if !matches!(error, HostError::Io(_)) {
                    self.note_failure(&mut state, error);
                }
            })?,
        };
        match self.exchange(&mut process, inputs, timeout) {
            Ok(outcome) => {
                state.process = Some(process);
                outcome
            }
            Err(error) => {
                self.process_id.store(0, Ordering::Relaxed);
                drop(process);
                self.note_failure(&mut state, &error);
                Err(error)
            }
        }
    }

    /// The memory that the model's process holds, shared pages included; 0 when there is none. Waits
    /// for no request.
    pub fn resident_bytes(&self) -> u64 {
        let Some(id) = self.process_id() else {
            return 0;
        };
        let statm = std::fs::read_to_string(format!("/proc/{id}/statm")).unwrap_or_default();
        let pages = statm
            .split_whitespace()
            .nth(1)
            .and_then(|pages| pages.parse::<u64>().ok());
        pages
            .unwrap_or(0)
            .saturating_mul(rustix::param::page_size() as u64)
    }

    /// The number of the model's process, when there is one. Waits for no request.
    pub fn process_id(&self) -> Option<u32> {
        Some(self.process_id.load(Ordering::Relaxed)).filter(|id| *id != 0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a panic leaves is a process that is still there or not, as before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request and its answer. The outer error is the process's, the inner one the engine's,
    /// after which the process lives.
    fn exchange(
        &self,
        process: &mut HostProcess,
        inputs: &[(&str, &Value)],
        timeout: Duration,
    ) -> Result<Result<Vec<(String, Value)>, HostError>, HostError> {
        let exchanged = || HostError::io("tensors cannot be exchanged");
        let inputs =
            exchange::write(&process.exchange, inputs.iter().copied()).map_err(exchanged())?;
        let request = Request::Run { inputs };
        match process.call(&request, "answer", self.clock.as_ref(), timeout)? {
            Reply::Ran { outputs } => {
                let outputs = exchange::read(&process.exchange, outputs).map_err(exchanged())?;
                Ok(Ok(outputs))
            }
            Reply::Failed { message, code } => Ok(Err(HostError::Engine { message, code })),
            Reply::Loaded => Err(HostError::Io("it answers what was not asked".to_owned())),
        }
    }

    fn restart_process(&self) -> Result<HostProcess, HostError> {
        self.process_id.store(0, Ordering::Relaxed);
        self.start_process()
    }

    fn start_process(&self) -> Result<HostProcess, HostError> {
        let mut process = HostProcess::start(&self.program, self.limits.memory_bytes)?;
        self.copy_model(&process.exchange)
            .map_err(HostError::io("no room for the model"))?;
        let request = Request::Load {
            size_bytes: self.size_bytes,
            threads: self.limits.threads,
            background: self.limits.background,
        };
        let timeout = self.limits.load_timeout;
        match process.call(&request, "load", self.clock.as_ref(), timeout)? {
            Reply::Loaded => {
                self.process_id.store(process.id(), Ordering::Relaxed);
                Ok(process)
            }
            Reply::Failed { message, code } => Err(HostError::Engine { message, code }),
            Reply::Ran { .. } => Err(HostError::Io("it answers what was not asked".to_owned())),
        }
    }

    fn copy_model(&self, exchange: &File) -> std::io::Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES.min(self.size_bytes)];
        let mut offset = 0;
        while offset < self.size_bytes {
            let length = chunk.len().min(self.size_bytes - offset);
            let part = chunk.get_mut(..length).unwrap_or_default();
            self.model.read_exact_at(part, offset as u64)?;
            exchange.write_all_at(part, offset as u64)?;
            offset += length;
        }
        Ok(())
    }

    /// Remembers that a process failed, and quarantines the model when that has been too often.
    fn note_failure(&self, state: &mut State, error: &HostError) {
        let now = self.clock.monotonic();
        state.failures.push_back(now);
        while state
            .failures
            .front()
            .is_some_and(|at| now.saturating_sub(*at) > self.limits.failures_window)
        {
            state.failures.pop_front();
        }
        let failures = state.failures.len();
        tracing::warn!(host.failures = failures, error = %error, "a model's process failed");
        if failures >= self.limits.failures_max {
            state.quarantined = Some(HostError::Quarantined {
                failures,
                reason: error.to_string(),
            });
        }
    }
}
