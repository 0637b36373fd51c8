//! What the pool's lock guards: the slots, and who goes first when room is needed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use mofang_types::ModelName;
use tokio::sync::watch;

use super::{LoadOutcome, LoadedVersion};
use crate::{ServingError, ServingSettings};

/// A version's place in the pool, as a caller sees it.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    /// Somebody is loading it.
    Loading(watch::Receiver<Option<LoadOutcome>>),
    /// It is loaded.
    Ready(Arc<LoadedVersion>),
}

#[derive(Debug)]
struct Place {
    model: ModelName,
    slot: Slot,
    /// The turn in which it was last asked for.
    used: u64,
}

/// The places by version id.
#[derive(Debug, Default)]
pub(super) struct PoolState {
    places: HashMap<String, Place>,
    /// Models that somebody unloaded on purpose: nothing of theirs is loaded.
    unloaded: HashSet<ModelName>,
    turn: u64,
    closed: bool,
}

impl PoolState {
    pub(super) fn slot(&mut self, version_id: &str) -> Option<Slot> {
        let place = self.places.get_mut(version_id)?;
        self.turn += 1;
        place.used = self.turn;
        Some(place.slot.clone())
    }

    pub(super) fn ready(&mut self, version_id: &str) -> Option<Arc<LoadedVersion>> {
        match self.slot(version_id)? {
            Slot::Ready(loaded) => Some(loaded),
            Slot::Loading(_) => None,
        }
    }

    pub(super) fn begin(
        &mut self,
        version_id: &str,
        model: &ModelName,
        outcome: watch::Receiver<Option<LoadOutcome>>,
    ) {
        self.turn += 1;
        self.places.insert(
            version_id.to_owned(),
            Place {
                model: model.clone(),
                slot: Slot::Loading(outcome),
                used: self.turn,
            },
        );
    }

    pub(super) fn end(&mut self, version_id: &str, loaded: Option<&Arc<LoadedVersion>>) {
        match (loaded, self.places.get_mut(version_id)) {
            (Some(loaded), Some(place)) => place.slot = Slot::Ready(Arc::clone(loaded)),
            _ => {
                self.places.remove(version_id);
            }
        }
    }

    /// Number and memory of the loaded versions.
    pub(super) fn size(&self) -> (usize, u64) {
        self.places
            .values()
            .filter_map(|place| match &place.slot {
                Slot::Ready(loaded) => Some(loaded.size_bytes),
                Slot::Loading(_) => None,
            })
            .fold((0, 0), |(count, bytes), size| (count + 1, bytes + size))
    }

    /// Takes out the least recently used versions that nobody holds until `size_bytes` more fit.
    /// Takes out nothing when that is not enough.
    pub(super) fn make_room(
        &mut self,
        model: &ModelName,
        name: &str,
        size_bytes: u64,
        settings: &ServingSettings,
    ) -> Result<Vec<Arc<LoadedVersion>>, ServingError> {
        if self.closed {
            return Err(ServingError::Closing);
        }
        self.check_allowed(model)?;
        let budget_bytes = settings.memory_budget_bytes;
        if size_bytes > budget_bytes {
            return Err(ServingError::TooLarge {
                model: name.to_owned(),
                size_bytes,
                budget_bytes,
            });
        }
        let (mut count, mut bytes) = self.size();
        let mut idle: Vec<(u64, String, u64)> = self
            .places
            .iter()
            .filter_map(|(id, place)| match &place.slot {
                Slot::Ready(loaded) if is_idle(loaded) => {
                    Some((place.used, id.clone(), loaded.size_bytes))
                }
                Slot::Ready(_) | Slot::Loading(_) => None,
            })
            .collect();
        idle.sort_unstable();
        let mut going = Vec::new();
        let mut idle = idle.into_iter();
        while count >= settings.loaded_versions_max
            || bytes.saturating_add(size_bytes) > budget_bytes
        {
            let Some((_, id, freed)) = idle.next() else {
                return Err(ServingError::PoolFull {
                    model: name.to_owned(),
                    retry_after: Duration::from_secs(1),
                });
            };
            count -= 1;
            bytes -= freed;
            going.push(id);
        }
        Ok(going
            .iter()
            .filter_map(|id| match self.places.remove(id)?.slot {
                Slot::Ready(loaded) => Some(loaded),
                Slot::Loading(_) => None,
            })
            .collect())
    }

    /// Takes out everything that is loaded, and admits nothing from now on.
    pub(super) fn close(&mut self) -> Vec<Arc<LoadedVersion>> {
        self.closed = true;
        self.take_ready(|_| true)
    }

    /// Takes out what is loaded of a model, and admits nothing of it until [`Self::allow`].
    pub(super) fn unload(&mut self, model: &ModelName) -> Vec<Arc<LoadedVersion>> {
        self.unloaded.insert(model.clone());
        self.take_ready(|place| place.model == *model)
    }

    /// Admits the model again.
    pub(super) fn allow(&mut self, model: &ModelName) {
        self.unloaded.remove(model);
    }

    /// Whether the model may be loaded.
    pub(super) fn check_allowed(&self, model: &ModelName) -> Result<(), ServingError> {
        if self.unloaded.contains(model) {
            return Err(ServingError::Unloaded {
                model: model.clone(),
            });
        }
        Ok(())
    }

    fn take_ready(&mut self, wanted: impl Fn(&Place) -> bool) -> Vec<Arc<LoadedVersion>> {
        let ready: Vec<String> = self
            .places
            .iter()
            .filter(|(_, place)| matches!(place.slot, Slot::Ready(_)) && wanted(place))
            .map(|(id, _)| id.clone())
            .collect();
        ready
            .iter()
            .filter_map(|id| match self.places.remove(id)?.slot {
                Slot::Ready(loaded) => Some(loaded),
                Slot::Loading(_) => None,
            })
            .collect()
    }
}

/// Whether the pool alone holds the version, and the queue alone its model. Both can only be taken
/// hold of through the pool, under its lock, so the answer stays true while the lock is held.
fn is_idle(loaded: &Arc<LoadedVersion>) -> bool {
    Arc::strong_count(loaded) == 1 && Arc::strong_count(loaded.queue.model()) == 1
}
