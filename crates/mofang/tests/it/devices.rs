//! `--device`: what networks compute on; `tests/vulkan` has the answers of another device.

use std::fs;

use crate::support::Home;

#[test]
fn a_device_that_is_not_there_is_told_first() {
    let home = Home::new();
    let ran = home.run(&["predict", "ghost", "x.png", "--device", "cuda"]);
    let said = ran.expect(2).stderr;
    assert!(said.contains("there are cpu, vulkan and auto"), "{said}");
    fs::write(home.path("mofang.toml"), "device = \"gpu\"\n").unwrap();
    home.run(&["predict", "ghost", "x.png"])
        .expect(2)
        .complains("there are cpu, vulkan and auto");
    // The flag goes before the file.
    home.run(&["predict", "ghost", "--text", "x", "--device", "auto"])
        .expect(2)
        .complains("ghost");
    fs::remove_file(home.path("mofang.toml")).unwrap();
    let doctor = home.run(&["doctor"]).expect(0).stdout;
    assert!(doctor.contains("cpu ("), "{doctor}");
    if !doctor.contains("vulkan: ") {
        home.run(&["train", "x.toml", "--device", "vulkan"])
            .expect(2)
            .complains("failed to take the device \"vulkan\"");
    }
}
