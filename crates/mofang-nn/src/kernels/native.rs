//! The way between burn's tensors and slices, and the graph of gradients.

use std::fmt;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Tensor, TensorData};
use mofang_kernels::{KernelError, recycle};

use crate::{NnError, tensor_from_burn};

type Tracked = FloatTensor<Autodiff<Flex>>;

/// A tensor of `f32` in this process's memory.
#[derive(Debug, Clone)]
pub(super) enum Native {
    /// Without autodiff.
    Plain(Values),
    /// With autodiff; whether it has a gradient is its own matter.
    Tracked(Tracked, Values),
}

/// Values in memory, row by row.
#[derive(Debug, Clone)]
pub(crate) struct Values(FlexTensor);

impl Values {
    /// The values of a tensor of `f32`, copied together where they are not.
    fn of(tensor: FlexTensor) -> Option<Self> {
        let tensor = if tensor.is_contiguous() {
            tensor
        } else {
            tensor.to_contiguous()
        };
        tensor.as_slice::<f32>().is_some().then_some(Self(tensor))
    }

    /// New values.
    pub(super) fn new<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Self {
        Self(FlexTensor::from_data(TensorData::new(values, shape)))
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        self.0.as_slice::<f32>().unwrap_or(&[])
    }

    /// Whether both are the same values by being in the same place.
    pub(super) fn is_same_memory(&self, other: &Self) -> bool {
        let (own, other) = (self.as_slice(), other.as_slice());
        own.len() == other.len() && own.as_ptr() == other.as_ptr()
    }

    /// A tensor without autodiff.
    pub(super) fn into_tensor<const D: usize>(self) -> Tensor<D> {
        Tensor::from_primitive::<Flex>(self.0)
    }

    /// Gives the memory back, when nobody else has it.
    pub(super) fn recycle(self) {
        if self.0.is_unique()
            && let Ok(values) = self.0.into_data().try_into_vec::<f32>()
        {
            recycle(values);
        }
    }
}

/// An operation with a gradient, of `N` inputs.
pub(super) trait Kernel<const N: usize>: Clone + fmt::Debug + Send + 'static {
    /// What the backward pass needs besides the operation itself.
    type Saved: Clone + fmt::Debug + Send + 'static;

    /// Everything that is no longer needed after the backward pass.
    fn release(saved: Self::Saved) -> Vec<Values>;

    /// The output, and what the backward pass needs.
    fn forward(&self, inputs: [&Values; N]) -> Result<(Values, Self::Saved), KernelError>;

    /// The gradient of each input that is `wanted`.
    fn backward(
        &self,
        saved: &Self::Saved,
        output_gradient: &Values,
        wanted: [bool; N],
    ) -> Result<[Option<Values>; N], KernelError>;
}

/// Takes the values out of a tensor, or nothing when it is elsewhere or not of `f32`.
pub(super) fn native<const D: usize>(tensor: &Tensor<D>) -> Option<Native> {
    if super::Kernels::current() == super::Kernels::Off {
        return None;
    }
    // The way out consumes the tensor even where it fails; a clone is a count.
    if let Ok(tracked) = tensor.clone().try_into_primitive::<Autodiff<Flex>>() {
        let values = Values::of(tracked.primitive().clone())?;
        return Some(Native::Tracked(tracked, values));
    }
    let plain = tensor.clone().try_into_primitive::<Flex>().ok()?;
    Values::of(plain).map(Native::Plain)
}

/// Gives the memory of a tensor without autodiff back, when nobody else has it.
pub(super) fn discard<const D: usize>(tensor: Tensor<D>) {
    if let Ok(plain) = tensor.try_into_primitive::<Flex>()
        && let Some(values) = Values::of(plain)
    {
        values.recycle();
    }
}

/// Gives the memory of a tensor back, with or without autodiff, when nobody else has it.
pub(crate) fn give_back<const D: usize>(tensor: Tensor<D>) {
    if let Ok(tracked) = tensor.clone().try_into_primitive::<Autodiff<Flex>>() {
        drop(tensor);
        if let Some(values) = Values::of(tracked.into_parts().0) {
            values.recycle();
        }
    } else {
        discard(tensor);
    }
}

/// Values of a tensor, where they lie when they can be read there.
#[derive(Debug, Clone)]
pub(crate) enum Held {
    /// In this process's memory.
    Here(Values),
    /// From elsewhere.
    Copied(mofang_types::Tensor),
}

impl Held {
    pub(crate) fn of<const D: usize>(tensor: Tensor<D>) -> Result<Self, NnError> {
        match native(&tensor) {
            Some(Native::Plain(values) | Native::Tracked(_, values)) => Ok(Self::Here(values)),
            None => tensor_from_burn(tensor.without_autodiff()).map(Self::Copied),
        }
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        match self {
            Self::Here(values) => values.as_slice(),
            Self::Copied(tensor) => tensor.data(),
        }
    }

    /// Gives the memory back, when nobody else has it.
    pub(crate) fn recycle(self) {
        if let Self::Here(values) = self {
            values.recycle();
        }
    }
}

/// Applies an operation; nothing when it does not take these shapes.
pub(super) fn apply<K: Kernel<N>, const N: usize, const D: usize>(
    kernel: K,
    inputs: [Native; N],
) -> Option<Tensor<D>> {
    apply_with(kernel, inputs).map(|(output, _)| output)
}

/// As [`apply`], and what was kept for the backward pass.
pub(super) fn apply_with<K: Kernel<N>, const N: usize, const D: usize>(
    kernel: K,
    inputs: [Native; N],
) -> Option<(Tensor<D>, K::Saved)> {
    let (output, saved) = kernel.forward(inputs.each_ref().map(Native::values)).ok()?;
    if inputs.iter().all(|input| matches!(input, Native::Plain(_))) {
        return Some((Tensor::from_primitive::<Flex>(output.0), saved));
    }
    let nodes = inputs.map(|input| match input {
        Native::Tracked(tracked, _) => tracked.into_parts().1,
        Native::Plain(values) => Tracked::new(values.0).node(),
    });
    let prepared = Step::<K>::new().prepare::<NoCheckpointing>(nodes);
    let prepared: OpsKind<Step<K>, Flex, (K, K::Saved), NoCheckpointing, N> =
        prepared.compute_bound().stateful();
    let output = match prepared {
        OpsKind::Tracked(prepared) => prepared.finish((kernel, saved.clone()), output.0),
        OpsKind::UnTracked(prepared) => prepared.finish(output.0),
    };
    Some((Tensor::from_primitive::<Autodiff<Flex>>(output), saved))
}

impl Native {
    pub(super) fn values(&self) -> &Values {
        match self {
            Self::Plain(values) | Self::Tracked(_, values) => values,
        }
    }

    /// The values where no gradient goes through them.
    pub(super) fn without_gradient(self) -> Option<Values> {
        if self.is_differentiated() {
            return None;
        }
        match self {
            Self::Plain(values) | Self::Tracked(_, values) => Some(values),
        }
    }

    /// Whether a gradient goes through it.
    pub(super) fn is_differentiated(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tracked(tracked, _) => tracked.is_tracked(),
        }
    }
}

/// The backward pass of an operation.
struct Step<K>(std::marker::PhantomData<K>);

impl<K> Step<K> {
    fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<K> fmt::Debug for Step<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Step")
    }
}

impl<K: Kernel<N>, const N: usize> Backward<Flex, N> for Step<K> {
    type State = (K, K::Saved);

    #[expect(
        clippy::panic,
        reason = "burn's backward pass has no way to fail; lengths were checked on the way forward"
    )]
    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (kernel, saved) = ops.state;
        let output_gradient = gradients.consume::<Flex>(&ops.node);
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let Some(output_gradient) = Values::of(output_gradient) else {
            panic!("the gradient of {kernel:?} is not of f32");
        };
        let found = match kernel.backward(&saved, &output_gradient, wanted) {
            Ok(found) => found,
            Err(error) => panic!("the gradient of {kernel:?}: {error}"),
        };
        // A gradient that was handed on as it is has two owners, and stays.
        output_gradient.recycle();
        K::release(saved).into_iter().for_each(Values::recycle);
        for (node, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                gradients.register::<Flex>(node.id, gradient.0);
            }
        }
    }
}
