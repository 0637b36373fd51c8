//! One process of a model: how it is started, spoken to and ended.

use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use mofang_types::Clock;

use crate::error::HostError;
use crate::exchange::memory_file;
use crate::frame::{receive_until, send};
use crate::message::{LAST_WORD, Reply, Request};

/// Most bytes of what a process wrote to its log that are looked at.
const LOG_BYTES_MAX: u64 = 1 << 16;

/// The binary to start for a model: it calls [`crate::run_host`] when its arguments are these and
/// the limit on its memory.
#[derive(Debug, Clone)]
pub struct HostProgram {
    /// The binary.
    pub path: PathBuf,
    /// Its arguments, [`crate::HOST_COMMAND`] for this house's own.
    pub arguments: Vec<OsString>,
}

/// A process that runs.
#[derive(Debug)]
pub(crate) struct HostProcess {
    child: Child,
    socket: UnixStream,
    /// Where elements are exchanged.
    pub(crate) exchange: File,
    /// What it writes to its standard error.
    log: File,
    memory_bytes: u64,
}

impl HostProcess {
    pub(crate) fn start(program: &HostProgram, memory_bytes: u64) -> Result<Self, HostError> {
        let failed = || HostError::io("it cannot be started");
        let (socket, other) = UnixStream::pair().map_err(failed())?;
        let exchange = memory_file("mofang-exchange").map_err(failed())?;
        let log = memory_file("mofang-log").map_err(failed())?;
        let child = Command::new(&program.path)
            .args(&program.arguments)
            .arg(memory_bytes.to_string())
            .env_clear()
            // A Ctrl-C at the terminal is for the parent, which lets requests end first.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(other)))
            .stdout(Stdio::from(exchange.try_clone().map_err(failed())?))
            .stderr(Stdio::from(log.try_clone().map_err(failed())?))
            .spawn()
            .map_err(failed())?;
        Ok(Self {
            child,
            socket,
            exchange,
            log,
            memory_bytes,
        })
    }

    /// Sends a request and waits for its answer. After an error the process is gone.
    pub(crate) fn call(
        &mut self,
        request: &Request,
        action: &'static str,
        clock: &dyn Clock,
        timeout: Duration,
    ) -> Result<Reply, HostError> {
        let deadline = clock.monotonic().saturating_add(timeout);
        if let Err(error) = send(&mut self.socket, request) {
            let closed = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
            return Err(if closed.contains(&error.kind()) {
                self.crashed(action)
            } else {
                self.ended(&error)
            });
        }
        match receive_until(&mut self.socket, clock, deadline) {
            Ok(Some(reply)) => {
                if matches!(reply, Reply::Failed { .. }) {
                    // A panic of the engine writes there; nobody else would make room.
                    let _ = self.log.set_len(0);
                }
                Ok(reply)
            }
            Ok(None) => Err(self.crashed(action)),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                self.end();
                Err(HostError::Timeout {
                    action,
                    after: timeout,
                })
            }
            Err(error) => Err(self.ended(&error)),
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn ended(&mut self, error: &std::io::Error) -> HostError {
        self.end();
        HostError::Io(error.to_string())
    }

    fn crashed(&mut self, action: &'static str) -> HostError {
        // It has closed its end, and may not be dead yet.
        let status = self.end();
        let log = self.last_words();
        let how = if log.contains("memory allocation of") {
            format!("ran out of its {} MiB of memory", self.memory_bytes >> 20)
        } else if log.contains("stack overflow") {
            "overflowed its stack".to_owned()
        } else if let Some(reason) = log
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix(LAST_WORD))
        {
            format!("ended ({reason})")
        } else {
            how_it_ended(status)
        };
        HostError::Crashed { action, how }
    }

    fn last_words(&self) -> String {
        let length = self.log.metadata().map_or(0, |metadata| metadata.len());
        let begin = length.saturating_sub(LOG_BYTES_MAX);
        let mut bytes = vec![0; usize::try_from(length - begin).unwrap_or(0)];
        // What cannot be read is not known; the status says the rest.
        let _ = self.log.read_exact_at(&mut bytes, begin);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Kills it and waits until it is gone, so that its memory is free afterwards.
    fn end(&mut self) -> Option<ExitStatus> {
        // It may be dead already, which is as well.
        let _ = self.child.kill();
        self.child.wait().ok()
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        self.end();
    }
}

fn how_it_ended(status: Option<ExitStatus>) -> String {
    let Some(status) = status else {
        return "ended".to_owned();
    };
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("died of signal {signal}"),
        (None, Some(code)) => format!("ended with status {code}"),
        (None, None) => "ended".to_owned(),
    }
}
