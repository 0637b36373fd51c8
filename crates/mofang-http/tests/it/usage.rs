//! What is counted for callers.

use mofang_accounts::Role;
use mofang_testing::TestApp;

/// All figures, of which those of the caller and the first version of a model are checked: its requests, their inputs,
/// and the inputs that failed.
pub(crate) async fn figures(
    app: &TestApp,
    model: &str,
    [requests, inputs, failed]: [usize; 3],
) -> String {
    let admin = &app.user(Role::Admin).key;
    let metrics = app.get("/metrics").bearer(admin).send().await;
    let metrics = metrics.expect(200).text();
    let key_id = &app.user(Role::Caller).key_id;
    let labels = format!("caller=\"key:{key_id}\",model=\"{model}\",version=\"1\"");
    for line in [
        format!("mofang_usage_requests_total{{{labels}}} {requests}"),
        format!("mofang_usage_inputs_total{{{labels}}} {inputs}"),
        format!("mofang_usage_failed_inputs_total{{{labels}}} {failed}"),
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} is not in\n{metrics}"
        );
    }
    metrics
}
