//! What there is to compute on, for people.

use mofang_nn::{ComputeDevice, DeviceKind};

/// The devices that this build finds on this machine, in one line.
pub fn devices() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut devices: Vec<String> = ComputeDevice::all()
        .iter()
        .map(|device| match device.kind() {
            DeviceKind::Cpu => format!("{device} ({threads} threads)"),
            DeviceKind::Discrete
            | DeviceKind::Integrated
            | DeviceKind::Virtual
            | DeviceKind::Software => device.to_string(),
        })
        .collect();
    if !cfg!(feature = "vulkan") {
        devices.push("built without vulkan".to_owned());
    } else if devices.len() == 1 {
        devices.push("nothing found through vulkan".to_owned());
    }
    devices.join("; ")
}
