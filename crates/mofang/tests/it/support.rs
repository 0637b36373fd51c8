//! A data directory and the binary over it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long a command may take; the longest one trains for a quarter of a minute.
const PATIENCE: Duration = Duration::from_mins(5);
const PATIENCE_STEP: Duration = Duration::from_millis(5);

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The same, once the exit code is checked.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "{error}\nstdout:\n{}\nstderr:\n{}",
                self.stdout, self.stderr
            )
        })
    }

    /// The lines of stdout as JSON, one by one.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Whether the message that ends the command is there, in this form.
    #[track_caller]
    pub(crate) fn complains(&self, part: &str) {
        let found = self
            .stderr
            .lines()
            .any(|line| line.starts_with("error: ") && line.contains(part));
        assert!(found, "no error says \"{part}\" in:\n{}", self.stderr);
    }
}

/// A data directory of its own.
#[derive(Debug)]
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// One in which the quick start has been: `digits@1`, a user, a key and an image.
    pub(crate) fn trained() -> Self {
        static FIRST: OnceLock<Home> = OnceLock::new();
        let first = FIRST.get_or_init(|| {
            let home = Self::new();
            home.run(&["quickstart", "--exit"]).expect(0);
            home
        });
        let home = Self::new();
        copy_folder(&first.data_dir(), &home.data_dir());
        home
    }

    /// The data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A place for files beside the data directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The image that the quick start has left, and its label.
    pub(crate) fn image(&self) -> (PathBuf, &'static str) {
        (self.data_dir().join("quickstart.png"), "7")
    }

    /// The binary over this directory, with nothing of the environment that could reach it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mofang"));
        command
            .env_clear()
            .env("MOFANG_DATA_DIR", self.data_dir())
            .env("MOFANG_SERVE_LISTEN", "127.0.0.1:0")
            .current_dir(self.folder.path())
            .args(arguments);
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, b"")
    }

    /// Runs a command to its end with `stdin`. One that does not end is killed and is a failure.
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have closed it already.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        let stdout = read_aside(child.stdout.take().unwrap());
        let stderr = read_aside(child.stderr.take().unwrap());
        let mut waited = Duration::ZERO;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if waited >= PATIENCE {
                child.kill().unwrap();
                panic!("{arguments:?} did not end:\n{}", stderr.join().unwrap());
            }
            std::thread::sleep(PATIENCE_STEP);
            waited += PATIENCE_STEP;
        };
        Ran {
            code: status.code(),
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
        }
    }

    /// Starts a command that stays, and waits until a line on stderr holds `sign`.
    pub(crate) fn start(&self, arguments: &[&str], sign: &str) -> Running {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.lines().any(|line| line.contains(sign)) {
            let read = lines.read_line(&mut said).unwrap();
            assert_ne!(read, 0, "it ended before it said \"{sign}\":\n{said}");
        }
        let rest = read_aside(lines);
        Running {
            child,
            said,
            rest: Some(rest),
        }
    }

    /// Starts a server; gives it with its address.
    pub(crate) fn serve(&self) -> (Running, String) {
        let running = self.start(&["serve"], "serving ");
        let url = running
            .said
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .unwrap()
            .trim_end_matches(';')
            .to_owned();
        (running, url)
    }
}

/// A command that runs; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) said: String,
    rest: Option<JoinHandle<String>>,
}

impl Running {
    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// The numbers of the processes that it has started and that live.
    pub(crate) fn children(&self) -> Vec<i32> {
        let task = self.child.id();
        let mut children = Vec::new();
        for thread in fs::read_dir(format!("/proc/{task}/task")).unwrap() {
            let path = thread.unwrap().path().join("children");
            let text = fs::read_to_string(path).unwrap_or_default();
            children.extend(text.split_whitespace().map(|id| id.parse::<i32>().unwrap()));
        }
        children
    }

    /// Kills one of them.
    pub(crate) fn kill(&self, child: i32) {
        assert!(self.children().contains(&child));
        kill_process(Pid::from_raw(child).unwrap(), Signal::KILL).unwrap();
        // It is dead once its files are closed.
        std::thread::sleep(Duration::from_millis(200));
    }

    /// Waits for the end; gives the status and what it said on stderr after the sign.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        (status, self.rest.take().unwrap().join().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a stream to its end on a thread of its own, so that its writer never waits.
fn read_aside(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    })
}

/// Copies a folder with everything in it.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
