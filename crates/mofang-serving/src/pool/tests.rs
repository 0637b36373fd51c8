use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use mofang_types::{Coded as _, ErrorCode, SystemClock};

use super::*;
use crate::testing::{Doubler, TestError, route};

fn pool(memory_budget_bytes: u64) -> Arc<Pool> {
    let settings = ServingSettings {
        memory_budget_bytes,
        loaded_versions_max: 3,
        ..ServingSettings::default()
    };
    Arc::new(Pool::new(settings, Arc::new(SystemClock::new())))
}

async fn get(pool: &Arc<Pool>, number: u32, size_bytes: u64) -> LoadOutcome {
    let metrics = Arc::new(VersionMetrics::new("m".parse().unwrap(), number));
    pool.get(&route(number), &metrics, move || async move {
        Ok(Arc::new(Doubler::of_size(size_bytes)) as Arc<dyn ServedModel>)
    })
    .await
}

fn is_loaded(pool: &Pool, number: u32) -> bool {
    pool.ready(&route(number).version_id).is_some()
}

#[tokio::test]
async fn concurrent_first_callers_share_one_load() {
    let pool = pool(100);
    let loads = Arc::new(AtomicUsize::new(0));
    let metrics = Arc::new(VersionMetrics::new("m".parse().unwrap(), 1));
    let route = route(1);
    let callers = (0..50).map(|_| {
        let loads = Arc::clone(&loads);
        pool.get(&route, &metrics, move || async move {
            loads.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Arc::new(Doubler::of_size(1)) as Arc<dyn ServedModel>)
        })
    });
    let all = futures::future::join_all(callers).await;
    let first = all[0].as_ref().unwrap();
    assert!(
        all.iter()
            .all(|one| Arc::ptr_eq(one.as_ref().unwrap(), first))
    );
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_load_goes_on_when_its_first_caller_leaves() {
    let pool = pool(100);
    let metrics = Arc::new(VersionMetrics::new("m".parse().unwrap(), 1));
    let route = route(1);
    let impatient = pool.get(&route, &metrics, || async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        Ok(Arc::new(Doubler::of_size(1)) as Arc<dyn ServedModel>)
    });
    let left = tokio::time::timeout(Duration::from_millis(5), impatient).await;
    assert!(left.is_err());
    pool.get(&route, &metrics, || async { panic!("loaded twice") })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_failed_load_fails_all_who_wait_and_the_next_caller_tries_again() {
    let pool = pool(100);
    let metrics = Arc::new(VersionMetrics::new("m".parse().unwrap(), 1));
    let route = route(1);
    let damaged = || async {
        tokio::task::yield_now().await;
        Err(ServingError::refused(TestError(
            "weights are damaged",
            ErrorCode::Unavailable,
        )))
    };
    let (one, two) = tokio::join!(
        pool.get(&route, &metrics, damaged),
        pool.get(&route, &metrics, damaged)
    );
    for error in [one.unwrap_err(), two.unwrap_err()] {
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert_eq!(error.to_string(), "weights are damaged");
    }
    assert_eq!(pool.counters().load_failures, 1);
    get(&pool, 1, 1).await.unwrap();
}

#[tokio::test]
async fn rel_19_a_panic_while_loading_is_an_error() {
    let pool = pool(100);
    let metrics = Arc::new(VersionMetrics::new("m".parse().unwrap(), 1));
    let outcome = pool
        .get(&route(1), &metrics, || async { panic!("poison") })
        .await;
    assert_eq!(outcome.unwrap_err().code(), ErrorCode::Internal);
    get(&pool, 1, 1).await.unwrap();
}

#[tokio::test]
async fn the_least_recently_used_version_makes_room() {
    let pool = pool(100);
    get(&pool, 1, 40).await.unwrap();
    get(&pool, 2, 40).await.unwrap();
    get(&pool, 1, 40).await.unwrap();
    get(&pool, 3, 40).await.unwrap();
    assert!(is_loaded(&pool, 1) && !is_loaded(&pool, 2) && is_loaded(&pool, 3));
    let counters = pool.counters();
    assert_eq!((counters.loaded_versions, counters.loaded_bytes), (2, 80));
    assert_eq!((counters.loads, counters.unloads), (3, 1));
}

#[tokio::test]
async fn no_more_versions_are_loaded_than_there_may_be_threads() {
    let pool = pool(100);
    for number in 1..=5 {
        get(&pool, number, 1).await.unwrap();
    }
    assert_eq!(pool.counters().loaded_versions, 3);
    assert!(!is_loaded(&pool, 1) && !is_loaded(&pool, 2));
}

#[tokio::test]
async fn a_version_in_use_is_never_unloaded() {
    let pool = pool(100);
    let held = get(&pool, 1, 60).await.unwrap();
    let error = get(&pool, 2, 60).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Overloaded);
    assert!(is_loaded(&pool, 1));
    // An evaluation holds the model only.
    let model = Arc::clone(held.queue.model());
    drop(held);
    assert!(get(&pool, 2, 60).await.is_err());
    drop(model);
    get(&pool, 2, 60).await.unwrap();
    assert!(!is_loaded(&pool, 1));
}

#[tokio::test]
async fn a_version_larger_than_the_budget_is_refused_and_nothing_is_unloaded_for_it() {
    let pool = pool(100);
    get(&pool, 1, 60).await.unwrap();
    let error = get(&pool, 2, 101).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
    assert!(is_loaded(&pool, 1));
}
