//! The conformance suite: what every adapter has to do. Call [`run`] with a way to make an empty
//! store; each case gets one of its own and panics with what is wrong.

mod accounts;
mod audit;
mod fixtures;
mod models;

use std::sync::Arc;

use crate::Store;

pub use fixtures::{audit, key, model_name, new_version, session, user};

/// Runs every case, each on a store from `make`.
///
/// # Panics
/// When the adapter does not conform.
pub async fn run<F, Fut>(mut make: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Arc<dyn Store>>,
{
    models::numbers_grow_and_are_never_reused(&*make().await).await;
    models::concurrent_versions_get_numbers_of_their_own(make().await).await;
    models::what_is_published_is_read_back(&*make().await).await;
    models::listings_come_in_pages(&*make().await).await;
    models::aliases_move_and_keep_their_history(&*make().await).await;
    models::a_move_can_expect_where_the_alias_is(&*make().await).await;
    models::a_version_with_an_alias_stays(&*make().await).await;
    models::tags_and_status_change(&*make().await).await;
    models::routes_have_everything(&*make().await).await;
    models::a_failed_change_leaves_nothing(&*make().await).await;
    accounts::there_is_one_first_user(make().await).await;
    accounts::names_are_unique(&*make().await).await;
    accounts::the_last_admin_stays(&*make().await).await;
    accounts::closing_an_account_ends_everything(&*make().await).await;
    accounts::a_new_password_ends_sessions(&*make().await).await;
    accounts::sessions_end(&*make().await).await;
    accounts::keys_are_revoked_once(&*make().await).await;
    accounts::last_use_only_grows(&*make().await).await;
    audit::every_change_is_written_down(&*make().await).await;
    audit::pages_and_filters(&*make().await).await;
    audit::the_feed_moves_when_it_must(&*make().await).await;
}
