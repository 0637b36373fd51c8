//! Devices that are reached through Vulkan, by burn's `wgpu`.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use burn::tensor::wgpu::{WgpuBackend, wgpu};
use burn::tensor::{Device, DeviceKind as BurnKind};
use futures::executor::block_on;

use crate::{ComputeDevice, DeviceKind, NnError};

/// The devices that there are, best first. Without a loader, a driver or a card there are none.
///
/// The system is asked once, before anything is opened: the loader does not bear instances that come and go on
/// several threads.
pub(crate) fn found() -> &'static [ComputeDevice] {
    static FOUND: OnceLock<Vec<ComputeDevice>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let backends = wgpu::Backends::VULKAN;
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let adapters = block_on(instance.enumerate_adapters(backends));
        let adapters = adapters.iter().map(|adapter| {
            let info = adapter.get_info();
            (info.device_type, info.name)
        });
        let mut devices = devices_of(adapters);
        // Those of a kind stay in the order in which the system names them.
        devices.sort_by_key(ComputeDevice::kind);
        devices
    })
}

/// Adapters as devices. An adapter of no known kind cannot be named to burn, and is left out.
fn devices_of(adapters: impl Iterator<Item = (wgpu::DeviceType, String)>) -> Vec<ComputeDevice> {
    let mut counts: BTreeMap<DeviceKind, usize> = BTreeMap::new();
    let of_adapter = |(device_type, name)| {
        let kind = match device_type {
            wgpu::DeviceType::DiscreteGpu => DeviceKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => DeviceKind::Integrated,
            wgpu::DeviceType::VirtualGpu => DeviceKind::Virtual,
            wgpu::DeviceType::Cpu => DeviceKind::Software,
            wgpu::DeviceType::Other => return None,
        };
        let count = counts.entry(kind).or_insert(0);
        *count += 1;
        Some(ComputeDevice::vulkan(kind, name, *count - 1))
    };
    adapters.filter_map(of_adapter).collect()
}

/// Opens a device, once in a process. burn would do it at the first tensor, and panic where it fails.
pub(crate) fn open(device: &ComputeDevice) -> Result<Device, NnError> {
    static OPENED: Mutex<BTreeMap<(DeviceKind, usize), Device>> = Mutex::new(BTreeMap::new());
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (device.kind(), device.index());
    if let Some(device) = opened.get(&key) {
        return Ok(device.clone());
    }
    let kind = match device.kind() {
        DeviceKind::Cpu => return Ok(crate::cpu_device()),
        DeviceKind::Discrete => BurnKind::DiscreteGpu(device.index()),
        DeviceKind::Integrated => BurnKind::IntegratedGpu(device.index()),
        DeviceKind::Virtual => BurnKind::VirtualGpu(device.index()),
        DeviceKind::Software => BurnKind::Cpu,
    };
    let fresh = Device::wgpu_options()
        .device_kind(kind)
        .graphics_api(WgpuBackend::Vulkan)
        .init()
        .map_err(|error| NnError::Device(format!("{device} cannot be opened: {error}")))?;
    opened.insert(key, fresh.clone());
    Ok(fresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_are_counted_within_their_kind() {
        let adapters = [
            (wgpu::DeviceType::Cpu, "a"),
            (wgpu::DeviceType::DiscreteGpu, "b"),
            (wgpu::DeviceType::Other, "c"),
            (wgpu::DeviceType::DiscreteGpu, "d"),
        ];
        let adapters = adapters.map(|(kind, name)| (kind, name.to_owned()));
        let devices: Vec<(String, usize)> = devices_of(adapters.into_iter())
            .iter()
            .map(|device| (device.to_string(), device.index()))
            .collect();
        let expected = [
            ("vulkan: a (software)", 0),
            ("vulkan: b (discrete)", 0),
            ("vulkan: d (discrete)", 1),
        ];
        assert_eq!(
            devices,
            expected.map(|(text, index)| (text.to_owned(), index))
        );
    }
}
