//! The process of one model.

use std::fs::File;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::thread;

use mofang_onnx::{OnnxError, Session, SessionOptions, Value};
use mofang_types::{Coded as _, ErrorCode};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::exchange;
use crate::frame::{receive, send};
use crate::message::{LAST_WORD, Reply, Request};

/// Descriptors beyond the three that it is started with: copies of them, and those of the threads.
const DESCRIPTORS_MAX: u64 = 64;

/// Most bytes of an answer, which the parent holds twice: the files in memory that this process
/// writes to are beyond its own limit on memory.
const ANSWER_BYTES_MAX: u64 = 512 << 20;

/// How far a process in the background stands behind others, as `nice` counts it.
const BACKGROUND_NICE: i32 = 10;

/// Runs the process of one model until its parent closes the socket: standard input is the socket
/// and standard output the exchange, as [`crate::ModelHost`] starts it. `memory_bytes` is the limit
/// on what is allocated here.
pub fn run_host(memory_bytes: u64) -> ExitCode {
    let serve = || {
        let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let exchange = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        end_with_the_parent(socket.try_clone()?)?;
        lower_limits(memory_bytes)?;
        serve(socket, &exchange)
    };
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The status says the rest where this cannot be written.
            let _ = writeln!(io::stderr(), "{LAST_WORD}{error}");
            ExitCode::FAILURE
        }
    }
}

/// Lowers what this process may take, for good. The empty process's address space is not counted.
fn lower_limits(memory_bytes: u64) -> io::Result<()> {
    let lower = |resource, most: u64| {
        let hard = getrlimit(resource).maximum;
        let limit = Some(hard.map_or(most, |hard| hard.min(most)));
        setrlimit(
            resource,
            Rlimit {
                current: limit,
                maximum: limit,
            },
        )
    };
    rustix::thread::set_no_new_privs(true)?;
    lower(Resource::Core, 0)?;
    lower(Resource::Nofile, DESCRIPTORS_MAX)?;
    lower(Resource::Fsize, ANSWER_BYTES_MAX)?;
    lower(
        Resource::As,
        address_space_bytes()?.saturating_add(memory_bytes),
    )?;
    Ok(())
}

/// The address space of this process.
fn address_space_bytes() -> io::Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm
        .split_whitespace()
        .next()
        .and_then(|pages| pages.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/self/statm is not as expected"))?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}

/// Ends this process when its parent is gone, also while a model computes.
fn end_with_the_parent(socket: UnixStream) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    thread::Builder::new()
        .name("mofang-parent".to_owned())
        .stack_size(64 << 10)
        .spawn(move || {
            // That the other end is closed is told without being asked for.
            let mut watched = [PollFd::new(&socket, PollFlags::empty())];
            while poll(&mut watched, None).is_err() {}
            std::process::abort();
        })?;
    Ok(())
}

fn serve(mut socket: UnixStream, exchange: &File) -> io::Result<()> {
    let mut session = None;
    while let Some(request) = receive::<Request>(&mut socket)? {
        let reply = match request {
            Request::Load {
                size_bytes,
                threads,
                background,
            } => {
                session = None;
                if background {
                    // The threads that compute are made by this one, and as nice.
                    rustix::process::nice(BACKGROUND_NICE)?;
                }
                match load(exchange, size_bytes, threads)? {
                    Ok(loaded) => {
                        session = Some(loaded);
                        Reply::Loaded
                    }
                    Err(error) => failed(&error),
                }
            }
            Request::Run { inputs } => {
                let inputs = exchange::read(exchange, inputs)?;
                match run(session.as_ref(), &inputs) {
                    Ok(outputs) => {
                        let outputs = outputs.iter().map(|(name, value)| (name.as_str(), value));
                        Reply::Ran {
                            outputs: exchange::write(exchange, outputs)?,
                        }
                    }
                    Err(reply) => reply,
                }
            }
        };
        send(&mut socket, &reply)?;
    }
    Ok(())
}

fn load(
    exchange: &File,
    size_bytes: usize,
    threads: usize,
) -> io::Result<Result<Session, OnnxError>> {
    let mut bytes = vec![0; size_bytes];
    exchange.read_exact_at(&mut bytes, 0)?;
    // The model is loaded once; what comes next needs its own room only.
    exchange.set_len(0)?;
    let options = SessionOptions {
        threads: NonZeroUsize::new(threads),
    };
    Ok(Session::load(&bytes, options))
}

fn run(
    session: Option<&Session>,
    inputs: &[(String, Value)],
) -> Result<Vec<(String, Value)>, Reply> {
    let session = session.ok_or_else(|| Reply::Failed {
        message: "no model is loaded".to_owned(),
        code: ErrorCode::Internal,
    })?;
    let inputs: Vec<(&str, &Value)> = inputs
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    let outputs = session.run(&inputs).map_err(|error| failed(&error))?;
    let size_bytes = exchange::size_bytes(outputs.iter().map(|(_, value)| value));
    if size_bytes > ANSWER_BYTES_MAX {
        return Err(Reply::Failed {
            message: format!(
                "the model's answer has {size_bytes} bytes, and {ANSWER_BYTES_MAX} are the most"
            ),
            code: ErrorCode::InvalidInput,
        });
    }
    Ok(outputs)
}

fn failed(error: &OnnxError) -> Reply {
    Reply::Failed {
        message: error.to_string(),
        code: error.code(),
    }
}
