//! Hangs, crashes, memory: one request fails, the next one is answered, and no memory stays behind.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use mofang_host::{HostError, HostLimits, ModelHost};
use mofang_onnx::{Array, OnnxError, Value};
use mofang_types::{Clock as _, Coded as _, ErrorCode, SystemClock};

use crate::models::{allocator, bomb, counter, flood, integers, large, limits, start};

fn count(host: &ModelHost, rounds: i64, timeout: Option<Duration>) -> Result<i64, HostError> {
    let inputs = [("rounds", &integers(&[rounds])), ("x", &integers(&[0]))];
    let outputs = host.run(&inputs, timeout)?;
    let Array::Int64(values) = outputs[0].1.array() else {
        panic!("not whole numbers: {outputs:?}");
    };
    Ok(values[0])
}

/// A number of rounds that takes hours.
const FOREVER: i64 = 2_000_000_000;

#[test]
fn a_hang_is_killed_and_answered_and_the_next_request_works() {
    let host = start(&counter(), limits()).unwrap();
    assert_eq!(count(&host, 10, None).unwrap(), 10);
    let first = host.process_id();
    let clock = SystemClock::new();
    let error = count(&host, FOREVER, Some(Duration::from_millis(300))).unwrap_err();
    let waited = clock.monotonic();
    assert!(matches!(error, HostError::Timeout { .. }), "{error}");
    assert_eq!(error.code(), ErrorCode::Timeout);
    assert_eq!(
        error.to_string(),
        "the model did not answer within 300 ms; its process was killed"
    );
    assert!(waited >= Duration::from_millis(300), "{waited:?}");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    assert_eq!(host.process_id(), None);
    assert_eq!(count(&host, 20, None).unwrap(), 20);
    assert_ne!(host.process_id(), first);
}

#[test]
fn memory_beyond_the_limit_fails_one_request() {
    let host = start(&allocator(), limits()).unwrap();
    let run = |elements: i64| host.run(&[("shape", &integers(&[elements]))], None);
    assert!(run(1_000).is_ok());
    let error = run(1_000_000_000).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model's process ran out of its 1024 MiB of memory while it was to answer"
    );
    assert_eq!(error.code(), ErrorCode::Internal);
    assert!(run(1_000).is_ok());
}

#[test]
fn an_answer_that_would_take_the_parents_memory_is_refused() {
    let limits = HostLimits {
        memory_bytes: 3 << 30,
        ..limits()
    };
    let host = start(&flood(), limits).unwrap();
    let first = host.process_id();
    let run = |elements: i64| host.run(&[("shape", &integers(&[elements]))], None);
    assert!(run(1_000).is_ok());
    let error = run(150_000_000).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model's answer has 600000000 bytes, and 536870912 are the most"
    );
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert!(run(1_000).is_ok());
    assert_eq!(host.process_id(), first);
}

#[test]
fn a_model_that_takes_all_memory_when_it_is_loaded_is_refused() {
    let error = start(&bomb(), limits()).unwrap_err();
    let text = error.to_string();
    // The engine may look at the size by itself, or the process dies of it; this one lives.
    assert!(
        matches!(error, HostError::Crashed { .. } | HostError::Engine { .. }),
        "{text}"
    );
}

#[test]
fn a_crash_is_noticed_and_fails_nobody_else() {
    let host = start(&counter(), limits()).unwrap();
    // Dead between two requests: nobody notices.
    kill(&host);
    assert_eq!(count(&host, 5, None).unwrap(), 5);
    // Dead within one: its caller is told.
    let error = std::thread::scope(|scope| {
        let running = scope.spawn(|| count(&host, FOREVER, None).unwrap_err());
        std::thread::sleep(Duration::from_millis(200));
        kill(&host);
        running.join().unwrap()
    });
    assert_eq!(
        error.to_string(),
        "the model's process died of signal 9 while it was to answer"
    );
    assert_eq!(count(&host, 5, None).unwrap(), 5);
}

fn kill(host: &ModelHost) {
    let id = host.process_id().unwrap().to_string();
    let killed = Command::new("kill").args(["-9", &id]).status().unwrap();
    assert!(killed.success());
    std::thread::sleep(Duration::from_millis(50));
}

/// Whether a process of this number computes or waits; one that is dead and not waited for does not.
fn lives(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| !"ZX".contains(state))
}

#[test]
fn a_process_ends_with_its_parent_even_while_it_computes() {
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "failures::a_parent_for_another_test",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(parent.stdout.take().unwrap());
    let id: u32 = output
        .lines()
        .find_map(|line| line.unwrap().rsplit("process=").next()?.parse().ok())
        .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(lives(id));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let gone = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        !lives(id)
    });
    assert!(gone, "process {id} goes on without its parent");
}

#[test]
#[ignore = "the other test starts and kills it"]
fn a_parent_for_another_test() {
    let host = start(&counter(), limits()).unwrap();
    println!("process={}", host.process_id().unwrap());
    // Its limit ends it, should nobody kill it.
    let ended = count(&host, FOREVER, None);
    assert!(ended.is_err());
}

#[test]
fn a_model_that_keeps_failing_is_quarantined_with_the_reason() {
    let host = start(&allocator(), limits()).unwrap();
    let run = |elements: i64| host.run(&[("shape", &integers(&[elements]))], None);
    for _ in 0..3 {
        assert!(matches!(run(1_000_000_000), Err(HostError::Crashed { .. })));
    }
    let error = run(1_000).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
    assert_eq!(
        error.to_string(),
        "the model is quarantined: its process failed 3 times, the last time so: the model's process \
         ran out of its 1024 MiB of memory while it was to answer; load it again to try it again"
    );
    assert_eq!(host.process_id(), None);
}

#[test]
fn what_the_engine_refuses_ends_no_process() {
    let host = start(&counter(), limits()).unwrap();
    let first = host.process_id();
    let error = host.run(&[("x", &integers(&[0]))], None).unwrap_err();
    assert_eq!(error.to_string(), "the input \"rounds\" is missing");
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert_eq!(host.process_id(), first);
    assert_eq!(count(&host, 3, None).unwrap(), 3);
}

#[test]
fn a_file_that_is_no_model_starts_no_process() {
    let error = start(b"PK\x03\x04", limits()).unwrap_err();
    assert!(
        matches!(error, HostError::Model(OnnxError::NotOnnx(_))),
        "{error}"
    );
}

#[test]
fn a_binary_that_is_no_host_is_told() {
    let program = mofang_host::HostProgram {
        path: "/bin/true".into(),
        arguments: Vec::new(),
    };
    let clock = std::sync::Arc::new(SystemClock::new());
    let error = ModelHost::start(program, &counter(), limits(), clock).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model's process ended with status 0 while it was to load"
    );
}

#[test]
fn why_a_process_gives_up_is_told() {
    let program = mofang_host::HostProgram {
        path: "/bin/sh".into(),
        arguments: vec!["-c".into(), "echo 'error: no room' >&2".into()],
    };
    let clock = std::sync::Arc::new(SystemClock::new());
    let error = ModelHost::start(program, &counter(), limits(), clock).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model's process ended (no room) while it was to load"
    );
}

/// What tells this binary that it was started for one test alone.
const ALONE: &str = "MOFANG_HOST_TEST_ALONE";

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the environment tells a process that it was started for this test"
)]
fn loading_and_unloading_gives_all_memory_back() {
    // The memory of a process is that of all tests in it, so this one has a process of its own.
    if std::env::var_os(ALONE).is_none() {
        let name = "failures::loading_and_unloading_gives_all_memory_back";
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(ALONE, "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    // Five models, 4 to 20 MB.
    let models: Vec<Vec<u8>> = (1..=5).map(|size| large(1024 * size)).collect();
    let input = Value::new(vec![1, 1024], Array::Float(vec![1.0; 1024])).unwrap();
    let limits = HostLimits {
        threads: 1,
        ..limits()
    };
    let cycle = |index: usize| {
        let host = start(&models[index % models.len()], limits).unwrap();
        host.run(&[("x", &input)], None).unwrap();
        assert!(host.resident_bytes() > 4 << 20);
    };
    for index in 0..models.len() {
        cycle(index);
    }
    let before = resident_bytes();
    for index in 0..100 {
        cycle(index);
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(
        grown <= 5 << 20,
        "{} KiB more after 100 cycles",
        grown >> 10
    );
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}
