//! The datasets of a server.

use mofang_http::view::DatasetsView;
use ureq::http::Method;

use super::{Body, Remote, escape};
use crate::backend::{DatasetView, Datasets};
use crate::exit::Failure;

impl Datasets for Remote {
    fn datasets(&self) -> anyhow::Result<Vec<DatasetView>> {
        let answer: DatasetsView = self.get("/v1/datasets")?;
        Ok(answer.items)
    }

    fn dataset(&self, name: &str) -> anyhow::Result<DatasetView> {
        self.get(&format!("/v1/datasets/{}", escape(name)))
    }

    fn pull(
        &self,
        name: &str,
        mirror: Option<&str>,
        _progress: &mut dyn FnMut(&str, u64, Option<u64>),
    ) -> anyhow::Result<()> {
        if mirror.is_some() {
            let message =
                "a server fetches files from their own addresses only: leave --mirror out";
            return Err(Failure::bad_input(message).into());
        }
        let path = format!("/v1/datasets/{}/pull", escape(name));
        self.send(Method::POST, &path, Body::Empty).map(|_| ())
    }

    fn verify(&self, name: &str) -> anyhow::Result<()> {
        let path = format!("/v1/datasets/{}/verify", escape(name));
        self.send(Method::POST, &path, Body::Empty).map(|_| ())
    }
}
