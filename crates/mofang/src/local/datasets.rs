//! Datasets of the data directory.

use anyhow::Context as _;

use super::Local;
use crate::backend::{DatasetView, Datasets};
use crate::exit::CodedResult as _;

impl Datasets for Local {
    fn datasets(&self) -> anyhow::Result<Vec<DatasetView>> {
        Ok(self
            .platform
            .datasets
            .list()
            .into_iter()
            .map(Into::into)
            .collect())
    }

    fn dataset(&self, name: &str) -> anyhow::Result<DatasetView> {
        let dataset = self
            .platform
            .datasets
            .show(name)
            .coded()
            .with_context(|| format!("failed to show the dataset \"{name}\""))?;
        let view = DatasetView::from(dataset);
        if view.status == "absent" {
            return Ok(view);
        }
        let schema = self
            .platform
            .datasets
            .schema(name)
            .coded()
            .with_context(|| format!("failed to look into the dataset \"{name}\""))?;
        Ok(view.with_schema(schema))
    }

    fn pull(
        &self,
        name: &str,
        mirror: Option<&str>,
        progress: &mut dyn FnMut(&str, u64, Option<u64>),
    ) -> anyhow::Result<()> {
        self.platform
            .datasets
            .pull(name, mirror, &mut |pulled| {
                progress(pulled.file, pulled.received_bytes, pulled.total_bytes);
            })
            .coded()
            .with_context(|| format!("failed to pull the dataset \"{name}\""))
    }

    fn verify(&self, name: &str) -> anyhow::Result<()> {
        self.platform
            .datasets
            .verify(name)
            .coded()
            .with_context(|| format!("failed to verify the dataset \"{name}\""))
    }
}
