//! Moving an alias back to the version it named before.

use mofang_store::{AliasMove, PAGE_LIMIT_MAX, Page};
use mofang_types::{AliasName, ModelName, ModelReference, Selector};

use crate::{Actor, Registry, RegistryError};

impl Registry {
    /// Moves the alias back to the version that it named before; once more goes back further.
    /// Versions that were deleted or quarantined since are passed over.
    ///
    /// # Errors
    /// When the alias does not exist or has no earlier version, or was moved meanwhile.
    pub async fn rollback(
        &self,
        model: &ModelName,
        alias: &AliasName,
        actor: &Actor,
    ) -> Result<AliasMove, RegistryError> {
        // Another process's move may not have been read yet.
        self.routing.refresh().await?;
        let current = self
            .locate(&ModelReference {
                model: model.clone(),
                selector: Selector::Alias(alias.clone()),
            })?
            .number;
        let trail = trail(&self.all_moves(model, alias).await?);
        let table = self.routing.table();
        let target = trail
            .into_iter()
            .rev()
            .find(|number| *number != current && table.is_usable(model, *number))
            .ok_or_else(|| RegistryError::NoEarlierVersion {
                model: model.clone(),
                alias: alias.clone(),
            })?;
        self.move_alias("alias.rollback", model, alias, target, Some(current), actor)
            .await
    }

    /// Every move of the alias, oldest first.
    async fn all_moves(
        &self,
        model: &ModelName,
        alias: &AliasName,
    ) -> Result<Vec<AliasMove>, RegistryError> {
        let mut moves = Vec::new();
        let mut page = Page::first(PAGE_LIMIT_MAX);
        loop {
            let part = self.store.alias_history(model, alias, &page).await?;
            moves.extend(part.items);
            match part.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        moves.reverse();
        Ok(moves)
    }
}

/// The versions that lead to the present one, oldest first and the present one last. A move to a
/// version of the trail goes back along it; any other move makes it longer. So going back twice
/// goes back two steps, and not there and back again.
fn trail(moves: &[AliasMove]) -> Vec<u32> {
    let mut trail: Vec<u32> = Vec::new();
    for number in moves.iter().filter_map(|step| step.to_number) {
        match trail.iter().rposition(|earlier| *earlier == number) {
            Some(position) => trail.truncate(position + 1),
            None => trail.push(number),
        }
    }
    trail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_back_shortens_the_trail() {
        let moves = |numbers: &[Option<u32>]| -> Vec<AliasMove> {
            numbers
                .iter()
                .map(|number| AliasMove {
                    model: "digits".parse().unwrap(),
                    alias: "production".parse().unwrap(),
                    position: 1,
                    from_number: None,
                    to_number: *number,
                    moved_unix_ms: 0,
                    moved_by: String::new(),
                })
                .collect()
        };
        for (numbers, expected) in [
            (vec![], vec![]),
            (vec![Some(1), Some(2), Some(3)], vec![1, 2, 3]),
            (vec![Some(1), Some(2), Some(3), Some(2)], vec![1, 2]),
            (vec![Some(1), Some(2), Some(1), Some(3)], vec![1, 3]),
            (vec![Some(1), None, Some(2)], vec![1, 2]),
        ] {
            assert_eq!(trail(&moves(&numbers)), expected);
        }
    }
}
