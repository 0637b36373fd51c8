//! Authentication is on the road of every request.

use mofang_accounts::{Role, Scope};
use mofang_types::{Clock as _, SystemClock};

use crate::fixture::{Fixture, settings};

#[expect(clippy::print_stdout, reason = "the figure is what the test is for")]
/// Prints the figure (the aim is 5 µs); the bound is for a busy machine, and far below one query.
#[tokio::test]
async fn authentication_takes_microseconds() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    fixture.register_as("bob", Role::Caller).await.unwrap();
    let by = fixture.session("bob").await.unwrap();
    let mut keys = Vec::new();
    for _ in 0..200 {
        keys.push(fixture.create_key(&by, &[Scope::Infer]).await.unwrap());
    }
    let clock = SystemClock::new();
    let mut best = std::time::Duration::MAX;
    for _ in 0..20 {
        let start = clock.monotonic();
        for key in &keys {
            fixture.authenticate_key(key).unwrap();
        }
        best = best.min(clock.monotonic().saturating_sub(start) / 200);
    }
    println!("one authentication takes {best:?}");
    assert!(best.as_micros() < 50, "{best:?}");
}
