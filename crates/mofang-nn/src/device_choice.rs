//! What is asked for to compute on.

use std::fmt;
use std::str::FromStr;

use crate::{ComputeDevice, DeviceKind, NnError};

/// What a build without Vulkan says when it is asked for.
pub(crate) const NOT_BUILT: &str =
    "this build has no vulkan, only cpu; build with --features vulkan";

/// What is asked for to compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The processor.
    #[default]
    Cpu,
    /// The best device that is reached through Vulkan, and be it one in software.
    Vulkan,
    /// The best graphics processor that there is, else the processor.
    Auto,
}

impl DeviceChoice {
    /// Finds the device on this machine.
    ///
    /// # Errors
    /// When this build or this machine does not have it.
    pub fn find(self) -> Result<ComputeDevice, NnError> {
        // Asking for the processor loads no driver.
        if self == Self::Cpu {
            return Ok(ComputeDevice::cpu());
        }
        self.among(ComputeDevice::all())
    }

    fn among(self, devices: Vec<ComputeDevice>) -> Result<ComputeDevice, NnError> {
        let found = devices.into_iter().find(|device| match self {
            Self::Cpu => device.kind() == DeviceKind::Cpu,
            Self::Vulkan => device.kind() != DeviceKind::Cpu,
            Self::Auto => !matches!(device.kind(), DeviceKind::Cpu | DeviceKind::Software),
        });
        match found {
            Some(device) => Ok(device),
            None if self != Self::Vulkan => Ok(ComputeDevice::cpu()),
            None if cfg!(feature = "vulkan") => Err(NnError::NoDevice(
                "no Vulkan device was found; is its driver installed?",
            )),
            None => Err(NnError::NoDevice(NOT_BUILT)),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Vulkan => "vulkan",
            Self::Auto => "auto",
        })
    }
}

impl FromStr for DeviceChoice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "vulkan" => Ok(Self::Vulkan),
            "auto" => Ok(Self::Auto),
            _ => Err("there are cpu, vulkan and auto"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_as_it_is_written() {
        for choice in [DeviceChoice::Cpu, DeviceChoice::Vulkan, DeviceChoice::Auto] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert!("cuda".parse::<DeviceChoice>().is_err());
    }

    #[test]
    fn without_a_device_there_is_the_processor_unless_one_was_asked_for() {
        let only = || vec![ComputeDevice::cpu()];
        for choice in [DeviceChoice::Cpu, DeviceChoice::Auto] {
            assert_eq!(choice.among(only()).unwrap(), ComputeDevice::cpu());
        }
        assert!(DeviceChoice::Vulkan.among(only()).is_err());
    }

    #[test]
    fn a_driver_in_software_has_to_be_asked_for() {
        let device = |kind| ComputeDevice::vulkan(kind, "x".to_owned(), 0);
        let [card, software] = [DeviceKind::Integrated, DeviceKind::Software].map(device);
        let in_software = vec![ComputeDevice::cpu(), software.clone()];
        let found = |choice: DeviceChoice, devices: &[_]| choice.among(devices.to_vec()).unwrap();
        assert_eq!(found(DeviceChoice::Vulkan, &in_software), software);
        assert_eq!(
            found(DeviceChoice::Auto, &in_software),
            ComputeDevice::cpu()
        );
        let both = vec![ComputeDevice::cpu(), card.clone(), software];
        for choice in [DeviceChoice::Vulkan, DeviceChoice::Auto] {
            assert_eq!(found(choice, &both), card);
        }
    }
}
