//! Our own architectures, with weights as safetensors, on burn.

use mofang_nn::{Network, NetworkSpec, Strictness, architectures};
use mofang_types::{Dimension, ModelSignature, Package, PackageManifest, Tensor, WEIGHTS_FILE};

use crate::{Continuation, LoadedModel, Runtime, RuntimeError, RuntimeSettings};

/// Our own architectures, with weights as safetensors, on burn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Native;

impl Runtime for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn summary(&self) -> &'static str {
        "Mofang's own architectures, on the processor or what Vulkan reaches"
    }

    fn accepts(&self, manifest: &PackageManifest) -> bool {
        architectures::find(&manifest.architecture.name).is_ok()
    }

    fn load(
        &self,
        package: &Package,
        settings: &RuntimeSettings,
    ) -> Result<Box<dyn LoadedModel>, RuntimeError> {
        let spec = spec_of(&package.manifest)?;
        let weights = package
            .files
            .get(WEIGHTS_FILE)
            .ok_or_else(|| RuntimeError::Unloadable {
                part: WEIGHTS_FILE,
                reason: "it is missing".to_owned(),
            })?;
        let device = settings.device.find().and_then(|device| device.open());
        let device = device.map_err(RuntimeError::Engine)?;
        let network = Network::zeroed(&spec, &device)
            .map_err(|error| RuntimeError::unloadable("architecture")(&error))?;
        let (network, _) = network
            .load_safetensors(weights, Strictness::Exact)
            .map_err(|error| RuntimeError::unloadable(WEIGHTS_FILE)(&error))?;
        Ok(Box::new(NativeModel {
            signature: package.manifest.signature.clone(),
            size_bytes: u64::try_from(network.size_bytes()).unwrap_or(u64::MAX),
            network,
        }))
    }
}

/// What the manifest says of the network, once it is known to be the signature of one.
fn spec_of(manifest: &PackageManifest) -> Result<NetworkSpec, RuntimeError> {
    let refused = |reason: &str| RuntimeError::Unloadable {
        part: "signature",
        reason: reason.to_owned(),
    };
    let signature = &manifest.signature;
    let ([_], [output]) = (signature.inputs.as_slice(), signature.outputs.as_slice()) else {
        return Err(refused("a network has one input and one output"));
    };
    let input = manifest
        .model_input()
        .ok_or_else(|| refused("its input is not [batch, channels, height, width]"))?;
    // The rest of the shape is that of the task, which is compared as a whole.
    let outputs = match output.shape.last() {
        Some(Dimension::Fixed(outputs)) => *outputs,
        Some(Dimension::Named(_)) | None => {
            return Err(refused("its output is not [batch, outputs]"));
        }
    };
    if *signature != ModelSignature::of(&input, manifest.task, outputs) {
        return Err(refused("it is not that of its task"));
    }
    Ok(NetworkSpec {
        architecture: manifest.architecture.clone(),
        input,
        outputs,
    })
}

/// A network in memory.
#[derive(Debug)]
struct NativeModel {
    network: Network,
    signature: ModelSignature,
    size_bytes: u64,
}

impl LoadedModel for NativeModel {
    fn infer(&self, batch: &Tensor) -> Result<Tensor, RuntimeError> {
        for input in &self.signature.inputs {
            input.check(batch.shape())?;
        }
        self.network.infer(batch).map_err(RuntimeError::Engine)
    }

    fn infer_steps(&self, batch: &Tensor) -> Result<Tensor, RuntimeError> {
        self.network
            .infer_steps(batch)
            .map_err(RuntimeError::Engine)
    }

    fn continuation(&self) -> Option<Box<dyn Continuation + '_>> {
        let text = self.network.continuation().ok()?;
        Some(Box::new(NativeContinuation(text)))
    }

    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

/// A text that a network goes on with.
struct NativeContinuation<'a>(mofang_nn::Continuation<'a>);

impl Continuation for NativeContinuation<'_> {
    fn read(&mut self, ids: &[u32]) -> Result<Vec<f32>, RuntimeError> {
        self.0.read(ids).map_err(RuntimeError::Engine)
    }

    fn length(&self) -> usize {
        self.0.length()
    }
}
