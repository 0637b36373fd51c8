//! REL-3: a full disk, on a real file system of 1 MiB where the test may mount one.

use std::path::Path;
use std::process::Command;

use mofang_types::{Coded as _, ErrorCode};

use crate::support::{draft, open};

/// Unmounts when it goes out of scope.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).output();
    }
}

fn mount(folder: &Path) -> Option<Mounted<'_>> {
    let output = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(folder)
        .output();
    let mounted = output.is_ok_and(|output| output.status.success());
    mounted.then_some(Mounted(folder))
}

#[tokio::test]
async fn rel_3_a_full_disk_is_a_clear_error_and_leaves_nothing_half_visible() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mounted) = mount(folder.path()) else {
        println!("skipped: this user cannot mount a file system");
        return;
    };
    let store = open(folder.path());
    let small = store
        .write_package(draft(&[("w", b"small")]))
        .await
        .unwrap();
    let before = store.list().await.unwrap();
    let big = vec![1; 2 * 1024 * 1024];
    let error = store
        .write_package(draft(&[("w", &big)]))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::OutOfSpace, "{error}");
    assert_eq!(store.list().await.unwrap(), before);
    assert!(store.read_package(&small.digest).await.is_ok());
    // Room again without a restart: what did not fit left nothing behind.
    store
        .write_package(draft(&[("w", &big[..512 * 1024])]))
        .await
        .unwrap();
}
