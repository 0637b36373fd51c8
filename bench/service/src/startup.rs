//! How long a process takes from its start to `/readyz`, and what memory it then keeps.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use mofang_types::{Clock as _, SystemClock};

use crate::summary::percentile;

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(30);
/// How long the process is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(2);

/// What the starts came to.
#[derive(Debug)]
pub(crate) struct Startup {
    first: Duration,
    again: Vec<Duration>,
    resident_kib: u64,
}

/// A process that is ended when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `binary serve` on one data directory again and again.
pub(crate) fn measure(binary: &Path, times: usize) -> anyhow::Result<Startup> {
    let folder = tempfile::tempdir()?;
    let (first, resident_kib) = start(binary, folder.path(), true)?;
    let mut again = Vec::new();
    for _ in 1..times {
        again.push(start(binary, folder.path(), false)?.0);
    }
    again.sort_unstable();
    Ok(Startup {
        first,
        again,
        resident_kib,
    })
}

fn start(binary: &Path, folder: &Path, idle: bool) -> anyhow::Result<(Duration, u64)> {
    let address = free_address()?;
    let clock = SystemClock::new();
    let child = Command::new(binary)
        .args(["serve", "--listen", &address.to_string(), "--data-dir"])
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("failed to start {}", binary.display()))?;
    let mut running = Running(child);
    while !is_ready(address) {
        if let Some(status) = running.0.try_wait()? {
            bail!("{} ended before it was ready: {status}", binary.display());
        }
        if clock.monotonic() > START_MAX {
            bail!("not ready after {} s", START_MAX.as_secs());
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    let took = clock.monotonic();
    let mut resident_kib = 0;
    if idle {
        std::thread::sleep(IDLE);
        resident_kib = resident(running.0.id())?;
    }
    Ok((took, resident_kib))
}

/// An address that was free a moment ago.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let host = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(host.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200 "))
}

/// `VmRSS` of a process, as Linux tells it.
fn resident(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse().ok())
        .context("failed to read VmRSS")
}

impl fmt::Display for Startup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        writeln!(f, "first start (empty directory): {:.1} ms", ms(self.first))?;
        if let (Some(p50), Some(max)) = (percentile(&self.again, 50), self.again.last()) {
            let count = self.again.len();
            writeln!(
                f,
                "{count} later starts: p50 {:.1} ms, max {:.1} ms",
                ms(p50),
                ms(*max)
            )?;
        }
        write!(
            f,
            "resident memory {} s after ready: {} KiB",
            IDLE.as_secs(),
            self.resident_kib
        )
    }
}
