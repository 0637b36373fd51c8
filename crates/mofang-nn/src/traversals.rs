//! The ways through all parameters of a network, by which [`Network`](crate::Network) reads and changes them.

use std::collections::BTreeMap;

use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};

use crate::kernels::{Held, give_back};
use crate::name_path::{NamePath, is_below, is_buffer};
use crate::{GradientSet, NnError, ParameterInfo, ValueChange, tensor_from_burn};

/// Collects what every parameter and buffer is.
#[derive(Default)]
pub(crate) struct Infos {
    path: NamePath,
    pub(crate) infos: Vec<ParameterInfo>,
}

fn info_of(path: &NamePath, shape: &[usize]) -> ParameterInfo {
    let name = path.name();
    ParameterInfo {
        trainable: !is_buffer(&name),
        shape: shape.to_vec(),
        name,
    }
}

impl ModuleVisitor for Infos {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.infos.push(info_of(&self.path, &param.dims()));
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.path.exit(name, container_type);
    }
}

/// Collects copies of values, or of gradients where there are some.
pub(crate) struct Values<'a> {
    pub(crate) path: NamePath,
    pub(crate) gradients: Option<&'a Gradients>,
    pub(crate) collected: Result<BTreeMap<String, mofang_types::Tensor>, NnError>,
}

impl ModuleVisitor for Values<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.name();
        let tensor = match self.gradients {
            None => Some(param.val().without_autodiff()),
            Some(_) if is_buffer(&name) => None,
            Some(gradients) => param.val().grad(gradients),
        };
        if let (Some(tensor), Ok(values)) = (tensor, &mut self.collected) {
            match tensor_from_burn(tensor) {
                Ok(tensor) => {
                    values.insert(name, tensor);
                }
                Err(error) => self.collected = Err(error),
            }
        }
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.path.exit(name, container_type);
    }
}

/// Collects gradients where they lie.
pub(crate) struct Slopes<'a> {
    pub(crate) path: NamePath,
    pub(crate) gradients: &'a Gradients,
    pub(crate) collected: Result<GradientSet, NnError>,
}

impl ModuleVisitor for Slopes<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.name();
        if is_buffer(&name) {
            return;
        }
        if let (Some(tensor), Ok(gradients)) =
            (param.val().grad(self.gradients), &mut self.collected)
        {
            match Held::of(tensor) {
                Ok(gradient) => gradients.insert(name, gradient),
                Err(error) => self.collected = Err(error),
            }
        }
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.path.exit(name, container_type);
    }
}

/// Leaves next to nothing in the place of each parameter. Running statistics are shared with clones, and stay.
#[derive(Default)]
pub(crate) struct Recycling {
    path: NamePath,
}

impl ModuleMapper for Recycling {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if is_buffer(&self.path.name()) {
            return param;
        }
        let device = param.device();
        let (id, tensor, _) = param.consume();
        give_back(tensor);
        Param::initialized(id, Tensor::zeros([1; D], &device))
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.path.exit(name, container_type);
    }
}

/// Puts values in the place of those that they are for.
pub(crate) struct Replacements<'a> {
    pub(crate) path: NamePath,
    pub(crate) take: &'a mut dyn FnMut(&str) -> Option<Vec<f32>>,
}

impl ModuleMapper for Replacements<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let values = (self.take)(&self.path.name());
        with_values(param, values)
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.path.exit(name, container_type);
    }
}

/// The parameter with these values, when there are as many as it has.
fn with_values<const D: usize>(
    param: Param<Tensor<D>>,
    values: Option<Vec<f32>>,
) -> Param<Tensor<D>> {
    let shape = param.dims();
    match values {
        Some(values) if values.len() == shape.iter().product::<usize>() => {
            let (id, device) = (param.id, param.device());
            let tensor = Tensor::from_data(TensorData::new(values, shape), &device);
            param.transform_for_load(tensor, id)
        }
        Some(_) | None => param,
    }
}

/// Takes parameters out of training.
pub(crate) struct Freezing<'a> {
    pub(crate) path: NamePath,
    pub(crate) prefixes: &'a [String],
}

impl ModuleMapper for Freezing<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        if self.prefixes.iter().any(|prefix| is_below(&name, prefix)) {
            param.set_require_grad(false)
        } else {
            param
        }
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.path.exit(name, container_type);
    }
}

/// Makes new values from old ones.
pub(crate) struct Changes<'a> {
    pub(crate) path: NamePath,
    pub(crate) change: &'a mut ValueChange<'a>,
    pub(crate) failure: Option<NnError>,
}

impl ModuleMapper for Changes<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let info = info_of(&self.path, &param.dims());
        let old = match Held::of(param.val()) {
            Ok(old) => old,
            Err(error) => {
                self.failure = Some(error);
                return param;
            }
        };
        let new = (self.change)(&info, old.as_slice());
        with_values(param, new)
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.path.exit(name, container_type);
    }
}
