//! Scaled dot-product attention: Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>.

use std::sync::Arc;

use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Tensor, TensorData};
use mofang_kernels::attention::{self as kernel, Attention, Gradients, Passed};
use mofang_kernels::geometry::{AttentionShape, HeadLayout};
use mofang_kernels::{KernelError, recycled};

use super::native::{Kernel, Values, apply, native};

/// What a score that does not count is; its share is 0 in `f32` beside any other.
const MASKED: f32 = -1e30;

/// What an attention goes by.
#[derive(Debug, Clone)]
pub(crate) struct Heads {
    /// The sizes.
    pub(crate) shape: AttentionShape,
    /// The place of the first query among the keys, where a query sees the keys up to its own place only.
    pub(crate) causal: Option<usize>,
    /// Whether each key counts, `[batch, keys]`; all do without it.
    pub(crate) valid: Option<Arc<[bool]>>,
}

/// What is done to the shares of the keys, `[batch, heads, queries, keys]`.
pub(crate) type ChangeShares<'a> = &'a dyn Fn(Tensor<4>) -> Tensor<4>;

/// `softmax(query · keyᵀ / √features) · value` for each head: `query` `[batch · queries, heads · features]`, `key`
/// and `value` `[batch · keys, key_heads · features]`. A query that sees no key gives zeros. `change`, such as
/// dropout, needs the shares of all keys at once, which no kernel of ours makes.
pub(crate) fn attention(
    query: Tensor<2>,
    key: Tensor<2>,
    value: Tensor<2>,
    heads: &Heads,
    change: Option<ChangeShares<'_>>,
) -> Tensor<2> {
    let fused = || {
        if change.is_some() {
            return None;
        }
        let inputs = [native(&query)?, native(&key)?, native(&value)?];
        apply(heads.clone(), inputs)
    };
    match fused() {
        Some(output) => output,
        None => reference(query, key, value, heads, change),
    }
}

/// By burn's own operations.
fn reference(
    query: Tensor<2>,
    key: Tensor<2>,
    value: Tensor<2>,
    heads: &Heads,
    change: Option<ChangeShares<'_>>,
) -> Tensor<2> {
    let AttentionShape {
        batch,
        heads: query_heads,
        key_heads,
        queries,
        keys,
        features,
    } = heads.shape;
    let by_head = |values: Tensor<2>, time, heads| -> Tensor<4> {
        values
            .reshape([batch, time, heads, features])
            .swap_dims(1, 2)
    };
    // Each head of keys for as many heads of queries as share it.
    let shared = |values: Tensor<2>| {
        let sharing = query_heads / key_heads.max(1);
        let values: Tensor<5> = by_head(values, keys, key_heads).unsqueeze_dim(2);
        values
            .expand([batch, key_heads, sharing, keys, features])
            .reshape([batch, query_heads, keys, features])
    };
    let device = query.device();
    let scores =
        by_head(query, queries, query_heads).matmul(shared(key).swap_dims(2, 3)) * heads.scale();
    let hidden = TensorData::new(heads.hidden(), [batch, 1, queries, keys]);
    let hidden: Tensor<4, Bool> = Tensor::from_data(hidden, &device);
    let hidden = hidden.expand([batch, query_heads, queries, keys]);
    let shares = softmax(scores.mask_fill(hidden.clone(), MASKED), 3).mask_fill(hidden, 0.0);
    let shares = match change {
        Some(change) => change(shares),
        None => shares,
    };
    shares
        .matmul(shared(value))
        .swap_dims(1, 2)
        .reshape([batch * queries, query_heads * features])
}

impl Heads {
    #[expect(clippy::cast_precision_loss, reason = "a head has few features")]
    fn scale(&self) -> f32 {
        1.0 / (self.shape.features as f32).sqrt()
    }

    /// Whether a query does not see a key, `[batch, queries, keys]`.
    fn hidden(&self) -> Vec<bool> {
        let AttentionShape {
            batch,
            queries,
            keys,
            ..
        } = self.shape;
        let mut hidden = Vec::with_capacity(batch * queries * keys);
        for item in 0..batch {
            for query in 0..queries {
                hidden.extend((0..keys).map(|key| {
                    let is_later = self.causal.is_some_and(|first| key > first + query);
                    let valid = self.valid.as_deref();
                    is_later
                        || valid.is_some_and(|valid| valid.get(item * keys + key) == Some(&false))
                }));
            }
        }
        hidden
    }

    fn attention(&self) -> Attention<'_> {
        let AttentionShape {
            heads,
            key_heads,
            queries,
            keys,
            features,
            ..
        } = self.shape;
        let of_queries = HeadLayout::by_time(queries, heads, features);
        Attention {
            shape: self.shape,
            query: of_queries,
            key: HeadLayout::by_time(keys, key_heads, features),
            output: of_queries,
            scale: self.scale(),
            causal: self.causal,
            valid: self.valid.as_deref(),
        }
    }

    fn of_queries(&self) -> [usize; 2] {
        let shape = self.shape;
        [shape.batch * shape.queries, shape.heads * shape.features]
    }

    fn of_keys(&self) -> [usize; 2] {
        let shape = self.shape;
        [shape.batch * shape.keys, shape.key_heads * shape.features]
    }
}

impl Kernel<3> for Heads {
    /// Query, key, value, output, and the logarithms of the sums of exponentials.
    type Saved = ([Values; 4], Arc<[f32]>);

    fn release((values, _): Self::Saved) -> Vec<Values> {
        values.into()
    }

    fn forward(
        &self,
        [query, key, value]: [&Values; 3],
    ) -> Result<(Values, Self::Saved), KernelError> {
        let [rows, columns] = self.of_queries();
        let mut output = recycled(rows * columns);
        let logarithms = kernel::forward(
            &self.attention(),
            query.as_slice(),
            key.as_slice(),
            value.as_slice(),
            &mut output,
        )?;
        let output = Values::new(output, [rows, columns]);
        let values = [query.clone(), key.clone(), value.clone(), output.clone()];
        Ok((output, (values, logarithms.into())))
    }

    fn backward(
        &self,
        (values, logarithms): &Self::Saved,
        output_gradient: &Values,
        _: [bool; 3],
    ) -> Result<[Option<Values>; 3], KernelError> {
        let [query, key, value, output] = values.each_ref().map(Values::as_slice);
        let passed = Passed {
            query,
            key,
            value,
            output,
            logarithms,
        };
        let (of_queries, of_keys) = (self.of_queries(), self.of_keys());
        let mut by_query = recycled(of_queries.iter().product());
        let mut by_key = recycled(of_keys.iter().product());
        let mut by_value = recycled(of_keys.iter().product());
        let gradients = Gradients {
            query: &mut by_query,
            key: &mut by_key,
            value: &mut by_value,
        };
        kernel::gradient(
            &self.attention(),
            passed,
            output_gradient.as_slice(),
            gradients,
        )?;
        Ok([
            Some(Values::new(by_query, of_queries)),
            Some(Values::new(by_key, of_keys)),
            Some(Values::new(by_value, of_keys)),
        ])
    }
}
