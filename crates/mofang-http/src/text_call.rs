//! A call that asks for texts: they go on one after another, and are counted however the call ends.

use mofang_serving::{Generation, ServingError};
use mofang_types::GenerationOptions;

use crate::ApiError;
use crate::call::ModelCall;

/// A call that asks for texts. It takes one place of the server, however many texts it asks for, and has the
/// time of one call. It is counted when it is dropped: a client that leaves has asked all the same.
#[derive(Debug)]
pub(crate) struct TextCall {
    call: ModelCall,
    texts: usize,
    failed: bool,
}

impl TextCall {
    /// A call that asks for so many texts.
    pub(crate) fn new(mut call: ModelCall, texts: usize) -> Self {
        call.limit_as_one();
        Self {
            call,
            texts,
            failed: false,
        }
    }

    /// Begins to go on with the next text.
    ///
    /// # Errors
    /// As [`ModelCall::generate`]; the call has failed.
    pub(crate) async fn generate(
        &mut self,
        prompt: String,
        options: GenerationOptions,
    ) -> Result<Generation, ApiError> {
        let begun = self.call.generate(prompt, options).await;
        self.failed |= begun.is_err();
        begun
    }

    /// What became of a text; when it failed, the call has.
    pub(crate) fn ended<T>(&mut self, result: Result<T, ServingError>) -> Result<T, ApiError> {
        self.failed |= result.is_err();
        Ok(result?)
    }
}

impl Drop for TextCall {
    fn drop(&mut self) {
        let failed = if self.failed { self.texts } else { 0 };
        self.call.count(self.texts, failed);
    }
}
