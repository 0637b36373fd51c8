use mofang_types::testing::ManualClock;
use mofang_types::{Coded as _, ErrorCode, SystemClock};
use proptest::prelude::*;

use super::*;
use crate::testing::{Doubler, OVERFLOW, PANIC, TOO_LONG, item};

type Answer = Result<BatchAnswer, ServingError>;

fn settings() -> ServingSettings {
    ServingSettings {
        max_batch_size: 4,
        queue_capacity: 8,
        ..ServingSettings::default()
    }
}

fn queue(model: &Arc<Doubler>, settings: &ServingSettings, clock: Arc<dyn Clock>) -> BatchQueue {
    let metrics = Arc::new(VersionMetrics::new("m".parse().unwrap(), 1));
    let model = Arc::clone(model) as Arc<dyn ServedModel>;
    BatchQueue::start("m@1", model, settings, clock, metrics).unwrap()
}

fn later() -> Deadline {
    Deadline {
        at: Duration::from_hours(1),
        limit: Duration::from_hours(1),
    }
}

fn submit(queue: &BatchQueue, value: f32) -> oneshot::Receiver<Answer> {
    queue.submit(item(value), later()).unwrap()
}

fn row(answer: oneshot::Receiver<Answer>) -> Vec<f32> {
    answer.blocking_recv().unwrap().unwrap().row
}

/// A queue whose thread stands at the model's gate with one item, so that all others wait.
fn busy_queue(
    model: &Arc<Doubler>,
    settings: &ServingSettings,
    clock: Arc<dyn Clock>,
) -> (BatchQueue, oneshot::Receiver<Answer>) {
    model.shut();
    let queue = queue(model, settings, clock);
    let first = submit(&queue, 100.0);
    model.wait_until_running();
    (queue, first)
}

#[test]
fn every_item_gets_its_own_row() {
    let model = Arc::new(Doubler::default());
    let queue = queue(&model, &settings(), Arc::new(SystemClock::new()));
    let answers: Vec<_> = (0_u8..8).map(|i| submit(&queue, f32::from(i))).collect();
    for (i, answer) in (0_u8..8).zip(answers) {
        assert_eq!(row(answer), vec![f32::from(i) * 2.0]);
    }
}

#[test]
fn what_waits_is_computed_together_up_to_the_batch_size() {
    let model = Arc::new(Doubler::default());
    let (queue, first) = busy_queue(&model, &settings(), Arc::new(SystemClock::new()));
    let answers: Vec<_> = (0_u8..6).map(|i| submit(&queue, f32::from(i))).collect();
    model.open();
    row(first);
    let sizes: Vec<usize> = answers
        .into_iter()
        .map(|answer| answer.blocking_recv().unwrap().unwrap().batch_size)
        .collect();
    assert_eq!(sizes, [4, 4, 4, 4, 2, 2]);
    assert_eq!(
        model.batches(),
        [vec![100.0], vec![0.0, 1.0, 2.0, 3.0], vec![4.0, 5.0]]
    );
}

#[test]
fn a_batch_waits_for_company_no_longer_than_the_delay() {
    let settings = ServingSettings {
        max_queue_delay: Duration::from_millis(300),
        ..settings()
    };
    let model = Arc::new(Doubler::default());
    let clock = Arc::new(SystemClock::new());
    let queue = queue(&model, &settings, Arc::clone(&clock) as Arc<dyn Clock>);
    // Full: does not wait.
    let started = clock.monotonic();
    let answers: Vec<_> = (0_u8..4).map(|i| submit(&queue, f32::from(i))).collect();
    for answer in answers {
        row(answer);
    }
    assert!(clock.monotonic() < started + Duration::from_millis(250));
    assert_eq!(model.batches().len(), 1);
    // Not full: waits, and takes the one that comes in between along.
    let one = submit(&queue, 5.0);
    std::thread::sleep(Duration::from_millis(20));
    let two = submit(&queue, 6.0);
    let waited = one.blocking_recv().unwrap().unwrap().queued;
    assert!(waited >= Duration::from_millis(290), "{waited:?}");
    row(two);
    assert_eq!(model.batches()[1], [5.0, 6.0]);
}

#[test]
fn a_full_queue_refuses_with_a_time_to_come_back() {
    let model = Arc::new(Doubler::default());
    let (queue, first) = busy_queue(&model, &settings(), Arc::new(SystemClock::new()));
    let waiting: Vec<_> = (0_u8..8).map(|i| submit(&queue, f32::from(i))).collect();
    let error = queue.submit(item(9.0), later()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Overloaded);
    assert!(error.retry_after().unwrap() >= Duration::from_secs(1));
    assert_eq!(error.retry_after().unwrap().subsec_nanos(), 0);
    model.open();
    row(first);
    for answer in waiting {
        row(answer);
    }
    assert_eq!(row(submit(&queue, 9.0)), [18.0]);
}

#[test]
fn the_items_of_one_request_go_in_together_or_not_at_all() {
    let model = Arc::new(Doubler::default());
    let (queue, first) = busy_queue(&model, &settings(), Arc::new(SystemClock::new()));
    let items = |count: u8| (0..count).map(|i| item(f32::from(i))).collect::<Vec<_>>();
    let waiting = queue.submit_all(items(5).into_iter(), later()).unwrap();
    let error = queue.submit_all(items(4).into_iter(), later()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Overloaded);
    assert_eq!(queue.waiting(), 5);
    // More than there are places can never succeed.
    let error = queue.submit_all(items(9).into_iter(), later()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert!(error.to_string().contains("8 places"), "{error}");
    model.open();
    row(first);
    for (i, answer) in (0_u8..5).zip(waiting) {
        assert_eq!(row(answer), vec![f32::from(i) * 2.0]);
    }
    assert_eq!(model.batches()[1..], [vec![0.0, 1.0, 2.0, 3.0], vec![4.0]]);
}

#[test]
fn rel_6_an_item_whose_caller_left_is_never_computed_and_gives_up_its_place() {
    let model = Arc::new(Doubler::default());
    let (queue, first) = busy_queue(&model, &settings(), Arc::new(SystemClock::new()));
    let left: Vec<_> = (0_u8..8).map(|i| submit(&queue, f32::from(i))).collect();
    drop(left);
    let stays = submit(&queue, 50.0);
    assert_eq!(queue.waiting(), 1);
    drop(submit(&queue, 51.0));
    model.open();
    row(first);
    assert_eq!(row(stays), [100.0]);
    assert_eq!(model.computed(), [100.0, 50.0]);
    assert_eq!(queue.shared.metrics.snapshot().dropped_unrun, 9);
}

#[test]
fn rel_8_an_item_past_its_deadline_is_answered_and_never_computed() {
    let model = Arc::new(Doubler::default());
    let clock = Arc::new(ManualClock::new(0));
    let (queue, first) = busy_queue(&model, &settings(), Arc::clone(&clock) as Arc<dyn Clock>);
    let limit = Duration::from_millis(50);
    let late = queue
        .submit(item(1.0), Deadline { at: limit, limit })
        .unwrap();
    let in_time = submit(&queue, 2.0);
    clock.advance(limit);
    model.open();
    row(first);
    let error = late.blocking_recv().unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::Timeout);
    assert_eq!(row(in_time), [4.0]);
    assert_eq!(model.computed(), [100.0, 2.0]);
}

#[test]
fn rel_17_an_item_that_fails_its_batch_fails_alone() {
    let model = Arc::new(Doubler::default());
    let (queue, first) = busy_queue(&model, &settings(), Arc::new(SystemClock::new()));
    let good = submit(&queue, 1.0);
    let bad = submit(&queue, OVERFLOW);
    let also_good = submit(&queue, 3.0);
    model.open();
    row(first);
    assert_eq!(row(good), [2.0]);
    assert_eq!(row(also_good), [6.0]);
    let error = bad.blocking_recv().unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
}

#[test]
fn a_batch_that_took_too_long_is_not_computed_again() {
    let model = Arc::new(Doubler::default());
    let (queue, first) = busy_queue(&model, &settings(), Arc::new(SystemClock::new()));
    let answers = [1.0, TOO_LONG, 3.0].map(|value| submit(&queue, value));
    model.open();
    row(first);
    for answer in answers {
        let error = answer.blocking_recv().unwrap().unwrap_err();
        assert_eq!(error.code(), ErrorCode::Timeout);
    }
    assert_eq!(model.batches(), [vec![100.0], vec![1.0, TOO_LONG, 3.0]]);
}

#[test]
fn rel_17_items_of_another_shape_make_a_batch_of_their_own() {
    let model = Arc::new(Doubler::default());
    let (queue, first) = busy_queue(&model, &settings(), Arc::new(SystemClock::new()));
    let small = submit(&queue, 1.0);
    let wide = Tensor::new(vec![2], vec![7.0, 0.0]).unwrap();
    let wide = queue.submit(wide, later()).unwrap();
    model.open();
    row(first);
    assert_eq!(row(small), [2.0]);
    assert_eq!(row(wide), [14.0]);
    assert_eq!(model.batches(), [vec![100.0], vec![1.0], vec![7.0]]);
    // Three batches, not one that failed and was computed again item by item.
    assert_eq!(queue.shared.metrics.snapshot().batch_size.count, 3);
}

#[test]
fn rel_19_a_panic_of_the_model_fails_its_item_and_nothing_else() {
    let model = Arc::new(Doubler::default());
    let (queue, first) = busy_queue(&model, &settings(), Arc::new(SystemClock::new()));
    let good = submit(&queue, 1.0);
    let bad = submit(&queue, PANIC);
    model.open();
    row(first);
    assert_eq!(row(good), [2.0]);
    let error = bad.blocking_recv().unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::Internal);
    assert!(error.to_string().contains("poison"), "{error}");
    assert_eq!(row(submit(&queue, 4.0)), [8.0]);
}

#[test]
fn a_dropped_queue_finishes_what_waits_and_frees_its_model() {
    let model = Arc::new(Doubler::default());
    let (queue, first) = busy_queue(&model, &settings(), Arc::new(SystemClock::new()));
    let waits = submit(&queue, 1.0);
    drop(queue);
    model.open();
    row(first);
    assert_eq!(row(waits), [2.0]);
    for _ in 0..1000 {
        if Arc::strong_count(&model) == 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("the thread still holds the model");
}

#[test]
fn an_aborted_queue_refuses_what_waits_and_what_comes() {
    let model = Arc::new(Doubler::default());
    let (queue, first) = busy_queue(&model, &settings(), Arc::new(SystemClock::new()));
    let waits = submit(&queue, 1.0);
    queue.abort();
    model.open();
    row(first);
    let error = waits.blocking_recv().unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
    assert!(queue.submit(item(1.0), later()).is_err());
    assert_eq!(model.computed(), [100.0]);
}

/// What a caller of the property test does.
#[derive(Debug, Clone, Copy)]
enum Step {
    Submit(f32),
    SubmitExpired,
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_u8..50).prop_map(|value| Step::Submit(f32::from(value))),
        1 => Just(Step::Submit(PANIC)),
        1 => Just(Step::Submit(OVERFLOW)),
        1 => Just(Step::SubmitExpired),
        2 => (0_usize..40).prop_map(Step::Leave),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a plain model of the queue: the bound holds, everybody who stays gets the answer that
    /// the item gets alone, in order, and nobody else is computed.
    #[test]
    fn rel_12_the_queue_does_what_its_model_does(steps in steps(), max_batch_size in 1_usize..6) {
        let settings = ServingSettings { max_batch_size, queue_capacity: 8, ..settings() };
        let model = Arc::new(Doubler::default());
        let clock = Arc::new(ManualClock::new(0));
        clock.advance(Duration::from_secs(1));
        let (queue, first) = busy_queue(&model, &settings, Arc::clone(&clock) as Arc<dyn Clock>);
        let mut callers: Vec<Option<(f32, bool, oneshot::Receiver<Answer>)>> = Vec::new();
        let mut places = 0;
        for step in steps {
            let (value, expired) = match step {
                Step::Submit(value) => (value, false),
                Step::SubmitExpired => (40.0, true),
                Step::Leave(index) => {
                    if let Some(caller) = callers.get_mut(index) {
                        *caller = None;
                    }
                    continue;
                }
            };
            if places == 8 {
                // A full queue looks for places first: of those who left and those who are late.
                for caller in &mut callers {
                    if let Some((_, true, receiver)) = caller {
                        receiver.close();
                        *caller = None;
                    }
                }
                places = callers.iter().flatten().count();
            }
            let at = if expired { Duration::from_millis(500) } else { Duration::from_hours(1) };
            let limit = Duration::from_millis(500);
            match queue.submit(item(value), Deadline { at, limit }) {
                Ok(receiver) => {
                    prop_assert!(places < 8);
                    places += 1;
                    callers.push(Some((value, expired, receiver)));
                }
                Err(error) => {
                    prop_assert_eq!(places, 8);
                    prop_assert_eq!(error.code(), ErrorCode::Overloaded);
                    callers.push(None);
                }
            }
            prop_assert!(queue.waiting() <= 8);
        }
        model.open();
        row(first);
        let mut expected = Vec::new();
        for (value, expired, receiver) in callers.into_iter().flatten() {
            let answer = receiver.blocking_recv().unwrap();
            if expired {
                prop_assert_eq!(answer.unwrap_err().code(), ErrorCode::Timeout);
            } else if value < 0.0 {
                prop_assert!(answer.is_err());
                expected.push(value);
            } else {
                prop_assert_eq!(answer.unwrap().row, vec![value * 2.0]);
                expected.push(value);
            }
        }
        // Items of failed batches are computed twice; without repetitions the order is kept.
        for value in model.computed().into_iter().skip(1) {
            prop_assert!(expected.contains(&value), "{} was computed for nobody", value);
        }
    }
}
