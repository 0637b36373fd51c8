//! What this machine can compute on.

use std::fmt;

use burn::tensor::Device;

use crate::{NnError, cpu_device, vulkan};

/// The kind of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceKind {
    /// The processor.
    Cpu,
    /// A graphics card.
    Discrete,
    /// A graphics unit that shares the processor's memory.
    Integrated,
    /// A part of a card, lent to a virtual machine.
    Virtual,
    /// No card at all: a driver that computes on the processor, for tests.
    Software,
}

/// A device of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComputeDevice {
    kind: DeviceKind,
    name: String,
    /// Its place among those of its kind.
    index: usize,
}

impl ComputeDevice {
    /// The processor.
    pub fn cpu() -> Self {
        Self {
            kind: DeviceKind::Cpu,
            name: String::new(),
            index: 0,
        }
    }

    /// Every device that this build finds on this machine, in the order in which they are preferred behind the
    /// processor, which is first. The machine is asked once in a process.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::cpu()];
        all.extend_from_slice(vulkan::found());
        all
    }

    /// A device that is reached through Vulkan.
    #[cfg(any(feature = "vulkan", test))]
    pub(crate) fn vulkan(kind: DeviceKind, name: String, index: usize) -> Self {
        Self { kind, name, index }
    }

    /// Its kind.
    pub fn kind(&self) -> DeviceKind {
        self.kind
    }

    /// Its place among those of its kind.
    #[cfg(feature = "vulkan")]
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Makes it ready for tensors; the second time that is nothing. For training, take `open()?.autodiff()`.
    ///
    /// # Errors
    /// When its driver refuses.
    pub fn open(&self) -> Result<Device, NnError> {
        match self.kind {
            DeviceKind::Cpu => Ok(cpu_device()),
            DeviceKind::Discrete
            | DeviceKind::Integrated
            | DeviceKind::Virtual
            | DeviceKind::Software => vulkan::open(self),
        }
    }
}

impl fmt::Display for ComputeDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DeviceKind::Cpu => return f.write_str("cpu"),
            DeviceKind::Discrete => "discrete",
            DeviceKind::Integrated => "integrated",
            DeviceKind::Virtual => "virtual",
            DeviceKind::Software => "software",
        };
        write!(f, "vulkan: {} ({kind})", self.name)
    }
}
