//! Files made to harm are refused, and cheaply: nothing is executed, nothing large is allocated.

use std::io::{Cursor, Write as _};

use mofang_pytorch::{PytorchError, SavedFile, UnknownClasses};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::files::file;

/// An archive of these entries, stored as they are.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, contents) in entries {
        writer.start_file(*name, options).unwrap();
        writer.write_all(contents).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// What becomes of a file with this pickle.
fn run(pickle: &[u8]) -> Result<(), PytorchError> {
    let bytes = archive(&[("a/data.pkl", pickle), ("a/data/0", &[0; 16])]);
    let saved = SavedFile::open(&bytes)?;
    for tensor in saved.state_dict()?.tensors.values() {
        tensor.read()?;
    }
    Ok(())
}

/// A pickle in pieces.
fn pickle(pieces: &[&[u8]]) -> Vec<u8> {
    [b"\x80\x02".as_slice(), &pieces.concat(), b"."].concat()
}

fn text(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_le_bytes();
    [b"X".as_slice(), &length, text.as_bytes()].concat()
}

fn integer(value: i32) -> Vec<u8> {
    [b"J".as_slice(), &value.to_le_bytes()].concat()
}

/// `{"w": tensor}` of floats, with these numbers for storage elements, offset, sizes and strides.
fn tensor(elements: i32, offset: i32, sizes: &[i32], strides: &[i32]) -> Vec<u8> {
    let tuple = |items: &[i32]| {
        let items: Vec<Vec<u8>> = items.iter().map(|item| integer(*item)).collect();
        [b"(".as_slice(), &items.concat(), b"t"].concat()
    };
    pickle(&[
        b"}",
        &text("w"),
        b"ctorch._utils\n_rebuild_tensor_v2\n((",
        &text("storage"),
        b"ctorch\nFloatStorage\n",
        &text("0"),
        &text("cpu"),
        &integer(elements),
        b"tQ",
        &integer(offset),
        &tuple(sizes),
        &tuple(strides),
        b"\x89}tRs",
    ])
}

#[test]
fn a_global_that_could_execute_is_refused_by_name() {
    for (global, name) in [
        (b"cposix\nsystem\n".as_slice(), "posix.system"),
        (b"c__builtin__\neval\n", "__builtin__.eval"),
        (b"cpkgutil\nresolve_name\n", "pkgutil.resolve_name"),
        (
            b"ctorch.nn.modules.module\n_global; import os\n",
            "torch.nn.modules.module._global; import os",
        ),
    ] {
        let call = pickle(&[global, &text("touch /tmp/executed"), b"\x85R"]);
        let expected = PytorchError::UnknownGlobal {
            name: name.to_owned(),
        };
        assert_eq!(run(&call).unwrap_err(), expected);
    }
    // The same by the operation of protocol 4, and in place of a class.
    let by_stack = pickle(&[&text("os"), &text("system"), b"\x93)R"]);
    assert!(
        run(&by_stack)
            .unwrap_err()
            .to_string()
            .contains("os.system")
    );
    // A name with control characters cannot write to a terminal.
    let escaped = run(&pickle(&[b"cos\n\x1B[2J\n"])).unwrap_err().to_string();
    assert!(!escaped.contains('\u{1B}'), "{escaped}");
}

#[test]
fn a_class_of_ones_own_is_kept_on_request_and_never_called() {
    let instance = pickle(&[b"c__main__\nNet\n)\x81}", &text("_parameters"), b"}sb"]);
    let bytes = archive(&[("a/data.pkl", &instance)]);
    let refused = SavedFile::open(&bytes).unwrap_err();
    assert!(
        refused.to_string().contains("\"__main__.Net\""),
        "{refused}"
    );
    let kept = SavedFile::open_with(&bytes, UnknownClasses::Keep).unwrap();
    assert_eq!(kept.root().class(), Some("__main__.Net"));

    let call = pickle(&[b"cposix\nsystem\n", &text("true"), b"\x85R"]);
    let bytes = archive(&[("a/data.pkl", &call)]);
    let error = SavedFile::open_with(&bytes, UnknownClasses::Keep).unwrap_err();
    assert!(error.to_string().contains("posix.system"), "{error}");
}

#[test]
fn a_class_that_is_only_a_name_cannot_be_more() {
    // A class of torch.nn may be named and nothing comes of it; it is called, not run.
    let call = pickle(&[b"ctorch.nn.modules.linear\nLinear\n)R"]);
    assert!(matches!(
        run(&call).unwrap_err(),
        PytorchError::NoWeights(_)
    ));
    for misuse in [
        b"ctorch\nFloatStorage\n)R".as_slice(),
        b"K\x01)R",
        b"ctorch._utils\n_rebuild_tensor_v2\n)R",
        b"ctorch._utils\n_rebuild_parameter\n)R",
        b"ctorch\nSize\n(K\x01K\x02tR",
        b"ctorch\nfloat32\n)\x81",
        b"K\x01K\x02b",
        b"ccollections\nOrderedDict\n(]K\x01ae\x85R",
    ] {
        assert!(run(&pickle(&[misuse])).is_err(), "{misuse:?}");
    }
}

#[test]
fn lengths_are_checked_before_anything_is_allocated() {
    for lying in [
        b"X\xFF\xFF\xFF\xFF".as_slice(),
        b"\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"B\xFF\xFF\xFF\x7F",
        b"\x8E\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F",
        b"\x8B\xFF\xFF\xFF\xFF",
        b"T\xFF\xFF\xFF\xFF",
        b"cno line feed",
    ] {
        let error = run(&pickle(&[lying])).unwrap_err();
        assert!(matches!(error, PytorchError::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_tensor_cannot_reach_beyond_its_storage() {
    assert_eq!(run(&tensor(4, 0, &[2, 2], &[2, 1])), Ok(()));
    assert_eq!(run(&tensor(4, 1, &[3], &[1])), Ok(()));
    for (elements, offset, sizes, strides) in [
        (4, 0, vec![5], vec![1]),
        (4, 1, vec![4], vec![1]),
        // The archive holds more than the storage says that it has.
        (2, 0, vec![4], vec![1]),
        (4, -1, vec![1], vec![1]),
        (4, 0, vec![-1], vec![1]),
        (4, 0, vec![2], vec![-1]),
        (4, 0, vec![2], vec![4]),
        (4, 0, vec![2, 2], vec![1]),
        // The storage says that it has more than the archive holds.
        (1000, 0, vec![1000], vec![1]),
        (i32::MAX, i32::MAX, vec![1], vec![1]),
        (4, 0, vec![i32::MAX; 8], vec![i32::MAX; 8]),
        (4, 0, vec![1; 9], vec![1; 9]),
        // One element that stands for a memory full of them.
        (4, 0, vec![i32::MAX, 64], vec![0, 0]),
        (4, 0, vec![1 << 14, 1 << 14], vec![0, 0]),
    ] {
        let result = run(&tensor(elements, offset, &sizes, &strides));
        assert!(result.is_err(), "{sizes:?} {strides:?}");
    }
}

#[test]
fn a_view_of_a_storage_begins_where_it_says() {
    // What PyTorch before 0.4 wrote: the storage is values 1 and 2 of one of four.
    let view = |offset: i32, length: i32| {
        pickle(&[
            b"}",
            &text("w"),
            b"ctorch._utils\n_rebuild_tensor\n((",
            &text("storage"),
            b"ctorch\nFloatStorage\n",
            &text("0"),
            &text("cpu"),
            &integer(4),
            b"(",
            &text("1"),
            &integer(offset),
            &integer(length),
            b"ttQ",
            &integer(0),
            &integer(2),
            b"\x85",
            &integer(1),
            b"\x85tRs",
        ])
    };
    let values: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let read = |pickle: &[u8]| -> Result<Vec<f32>, PytorchError> {
        let bytes = archive(&[("a/data.pkl", pickle), ("a/data/0", &values)]);
        let saved = SavedFile::open(&bytes)?;
        let state = saved.state_dict()?;
        Ok(state.tensors["w"].read()?.into_data())
    };
    assert_eq!(read(&view(1, 2)).unwrap(), [2.0, 3.0]);
    for (offset, length) in [(3, 2), (-1, 2), (1, 1), (i32::MAX, 2)] {
        assert!(read(&view(offset, length)).is_err(), "{offset} {length}");
    }
}

#[test]
fn expansion_is_counted_over_all_tensors() {
    // Each is within the limit, a hundred are not.
    let one = tensor(4, 0, &[1 << 12, 1 << 10], &[0, 0]);
    let entry = &one[3..one.len() - 1];
    let many = pickle(&[b"}", &entry.repeat(100)]);
    // Equal names give one tensor; other names many.
    assert!(run(&many).is_ok());
    let mut distinct = b"\x80\x02}".to_vec();
    for index in 0..100_u8 {
        let mut entry = entry.to_vec();
        entry[5] = index + 1;
        distinct.extend(entry);
    }
    distinct.push(b'.');
    let error = run(&distinct).unwrap_err().to_string();
    assert!(error.contains("far more values"), "{error}");
}

#[test]
fn objects_that_hold_each_other_end() {
    // A dictionary in itself, a list in itself, and sixty-four levels of two of the level below.
    for circle in [
        pickle(&[b"}q\x00", &text("a"), b"h\x00s"]),
        pickle(&[b"}q\x00", &text("model"), b"h\x00s"]),
        pickle(&[b"]q\x00h\x00a"]),
    ] {
        assert!(run(&circle).is_err());
    }
    let mut doubling = b"\x80\x02}q\x00".to_vec();
    for level in 1..=60_u8 {
        doubling.extend([b'}', b'q', level]);
        for name in ["a", "b"] {
            doubling.extend(text(name));
            doubling.extend([b'h', level - 1, b's']);
        }
    }
    doubling.push(b'.');
    let error = run(&doubling).unwrap_err().to_string();
    assert!(error.contains("tensors and other entries"), "{error}");
    // The same out of modules.
    let mut modules = b"\x80\x02ctorch.nn.modules.linear\nIdentity\n)\x81q\x00".to_vec();
    for level in 1..=60_u8 {
        modules.extend(b"ctorch.nn.modules.container\nSequential\n)\x81q");
        modules.push(level);
        modules.extend(b"}");
        modules.extend(text("_modules"));
        modules.extend(b"}");
        for name in ["a", "b"] {
            modules.extend(text(name));
            modules.extend([b'h', level - 1, b's']);
        }
        modules.extend(b"sb");
    }
    modules.push(b'.');
    let error = run(&modules).unwrap_err().to_string();
    assert!(error.contains("modules"), "{error}");
}

#[test]
fn depth_ends_before_the_stack_does() {
    // Each holds the one before it: dictionaries, and modules.
    let mut dictionaries = b"\x80\x02}r\0\0\0\0".to_vec();
    let mut modules = b"\x80\x02ctorch.nn.modules.linear\nIdentity\n)\x81r\0\0\0\0".to_vec();
    for level in 1..10_000_u32 {
        let (own, below) = (level.to_le_bytes(), (level - 1).to_le_bytes());
        let entry = [&text("a"), b"j".as_slice(), &below, b"s"].concat();
        dictionaries.extend([b"}r".as_slice(), &own, &entry].concat());
        let class = b"ctorch.nn.modules.container\nSequential\n)\x81r";
        modules.extend(
            [
                class.as_slice(),
                &own,
                b"}",
                &text("_modules"),
                b"}",
                &entry,
                b"sb",
            ]
            .concat(),
        );
    }
    for mut deep in [dictionaries, modules] {
        deep.push(b'.');
        let error = run(&deep).unwrap_err().to_string();
        assert!(error.contains("lie more than 64 deep"), "{error}");
    }
}

#[test]
fn copies_are_counted() {
    // A list of 10 000 items that becomes a set 10 000 times.
    let list = [b"(".as_slice(), &b"K\x01".repeat(10_000), b"lq\x00"].concat();
    let copies = b"c__builtin__\nset\nh\x00\x85R".repeat(10_000);
    let error = run(&pickle(&[&list, &copies])).unwrap_err().to_string();
    assert!(error.contains("over and over"), "{error}");
}

#[test]
fn an_archive_that_two_readers_would_see_differently_is_refused() {
    let good = tensor(4, 0, &[4], &[1]);
    let evil = pickle(&[b"cposix\nsystem\n"]);
    let two = archive(&[("a/data.pkl", &good), ("b/data.pkl", &evil)]);
    assert!(
        SavedFile::open(&two)
            .unwrap_err()
            .to_string()
            .contains("more than one")
    );
    // The same name twice, which writers refuse: the second is renamed in the bytes. Either alone
    // could be read.
    let other = tensor(4, 0, &[2], &[1]);
    let mut twice = archive(&[("a/data.pkl", &good), ("a/data.pkm", &other)]);
    while let Some(place) = twice.windows(8).position(|window| window == b"data.pkm") {
        twice[place + 7] = b'l';
    }
    let error = SavedFile::open(&twice).unwrap_err().to_string();
    assert!(error.contains("a name is there twice"), "{error}");
    assert!(SavedFile::open(&archive(&[("a/x", b"")])).is_err());
    let big = archive(&[("a/data.pkl", &good), ("a/byteorder", b"big")]);
    assert!(
        SavedFile::open(&big)
            .unwrap_err()
            .to_string()
            .contains("byte order")
    );
    let missing = archive(&[("a/data.pkl", good.as_slice())]);
    let saved = SavedFile::open(&missing).unwrap();
    let state = saved.state_dict().unwrap();
    assert!(state.tensors["w"].read().is_err());
}

#[test]
fn every_truncation_is_an_error() {
    for name in ["types.pth", "types_legacy.pth", "module_legacy.pth"] {
        let bytes = file(name);
        for length in 0..bytes.len() {
            let read_all = || -> Result<(), PytorchError> {
                let saved = SavedFile::open(&bytes[..length])?;
                for tensor in saved.state_dict()?.tensors.values() {
                    tensor.read()?;
                }
                Ok(())
            };
            assert!(read_all().is_err(), "{name} cut to {length} bytes");
        }
    }
}

fn read_everything(bytes: &[u8]) {
    if let Ok(saved) = SavedFile::open(bytes) {
        let _ = saved.module();
        if let Ok(state) = saved.state_dict() {
            for tensor in state.tensors.values() {
                let _ = tensor.read();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_change_of_a_file_panics(
        name in prop::sample::select(vec!["types.pth", "types_legacy.pth", "checkpoint_protocol4.pth", "module.pth"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = file(name);
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        read_everything(&bytes);
    }

    #[test]
    fn no_pickle_panics(operations in prop::collection::vec(any::<u8>(), 0..200)) {
        read_everything(&archive(&[("a/data.pkl", &operations), ("a/data/0", &[0; 16])]));
    }
}

/// The next number of a small generator (xorshift, Marsaglia 2003).
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 11).unwrap()
}

#[test]
#[ignore = "long: a million changed files"]
fn rel_33_a_million_changed_files_are_read_or_refused() {
    let originals: Vec<Vec<u8>> = [
        "types.pth",
        "types_legacy.pth",
        "checkpoint.pth",
        "checkpoint_protocol4.pth",
        "module.pth",
        "module_legacy.pth",
    ]
    .map(file)
    .to_vec();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut read = 0_usize;
    for round in 0..1_000_000 {
        let mut bytes = originals[round % originals.len()].clone();
        for _ in 0..=next(&mut state) % 6 {
            let place = next(&mut state) % bytes.len();
            match next(&mut state) % 5 {
                0 => bytes[place] = u8::try_from(next(&mut state) % 256).unwrap(),
                1 => bytes[place] ^= 1 << (next(&mut state) % 8),
                2 => bytes[place] = [0, 0xFF, 0x7F, 0x80, b'.', b'('][next(&mut state) % 6],
                3 => bytes.truncate(place.max(1)),
                // A piece of the file at another place.
                _ => {
                    let from = next(&mut state) % bytes.len();
                    let length = next(&mut state) % 64;
                    let end = (from + length).min(bytes.len());
                    let piece = bytes[from..end].to_vec();
                    bytes.splice(place..place, piece);
                }
            }
        }
        read_everything(&bytes);
        read += usize::from(SavedFile::open(&bytes).is_ok());
    }
    // Changes of values alone leave a file that can be read: most are not, some are.
    assert!((1_000..900_000).contains(&read), "{read} were read");
}
