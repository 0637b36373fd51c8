//! From an example to a model input, off the asynchronous workers where that takes time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mofang_data::RawExample;
use mofang_types::Tensor;

use crate::error::panic_message;
use crate::places::Places;
use crate::{ServedModel, ServingError, ServingSettings};

/// Values up to which checking a ready tensor is cheaper than handing it to another thread.
const INLINE_VALUES_MAX: usize = 262_144;

/// Samples up to which transforming pixels is.
const INLINE_SAMPLES_MAX: usize = 4_096;

/// Bytes of a text up to which cutting it into tokens is.
const INLINE_TEXT_BYTES_MAX: usize = 1_024;

/// A model input, without a batch dimension.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) input: Tensor,
    /// What whoever asks should know about the example.
    pub(crate) warnings: Vec<String>,
}

/// The bounded room in which files are decoded and long texts are cut into tokens.
#[derive(Debug)]
pub(crate) struct Preparation {
    places: Places,
}

impl Preparation {
    pub(crate) fn new(settings: &ServingSettings) -> Self {
        Self {
            places: Places::new(
                "preparation",
                settings.concurrent_preparations,
                settings.preparation_capacity,
            ),
        }
    }

    /// Prepares `example` for `model`: small ready tensors at once, everything else on a blocking
    /// thread. A caller that leaves while it waits is never decoded. A ready tensor is checked and
    /// goes on as it is, never copied.
    pub(crate) async fn prepare(
        &self,
        name: &str,
        model: &Arc<dyn ServedModel>,
        example: RawExample,
    ) -> Result<Prepared, ServingError> {
        if is_small(&example) {
            return prepare_now(name, model.as_ref(), example);
        }
        let permit = self.places.take().await?;
        let thread_name = name.to_owned();
        let model = Arc::clone(model);
        tokio::task::spawn_blocking(move || {
            let prepared = prepare_now(&thread_name, model.as_ref(), example);
            // The permit goes back when the work is done, not when the caller stops waiting.
            drop(permit);
            prepared
        })
        .await
        .unwrap_or_else(|error| {
            Err(ServingError::Internal {
                model: name.to_owned(),
                message: format!("preparation stopped: {error}"),
            })
        })
    }
}

fn is_small(example: &RawExample) -> bool {
    match example {
        RawExample::Encoded(_) => false,
        RawExample::Pixels(pixels) => pixels.data().len() <= INLINE_SAMPLES_MAX,
        RawExample::Row(_) => true,
        RawExample::Text(text) => text.len() <= INLINE_TEXT_BYTES_MAX,
        RawExample::Tensor(tensor) => tensor.data().len() <= INLINE_VALUES_MAX,
    }
}

fn prepare_now(
    name: &str,
    model: &dyn ServedModel,
    example: RawExample,
) -> Result<Prepared, ServingError> {
    let prepare = || match example {
        RawExample::Tensor(tensor) => model.check(&tensor).map(|()| Prepared {
            input: tensor,
            warnings: Vec::new(),
        }),
        RawExample::Encoded(_)
        | RawExample::Pixels(_)
        | RawExample::Row(_)
        | RawExample::Text(_) => {
            let mut warnings = Vec::new();
            let input = model.prepare_noting(&example, &mut warnings)?;
            Ok(Prepared { input, warnings })
        }
    };
    catch_unwind(AssertUnwindSafe(prepare))
        .map_err(|panic| ServingError::Panicked {
            model: name.to_owned(),
            message: panic_message(panic.as_ref()),
        })?
        .map_err(ServingError::Refused)
}
