//! Datasets that a user describes, with everything that real files get wrong.

use std::fs;
use std::path::Path;

use mofang_data::{
    Catalogue, DataError, Dataset, DatasetStore, Pixels, RemovalReason, Repetitions, SplitName,
    SplitSettings,
};
use mofang_types::{Coded as _, ErrorCode};

fn load(folder: &Path, entry: &str, settings: &SplitSettings) -> Result<Dataset, DataError> {
    let path = folder.join("own.toml");
    fs::write(&path, entry).map_err(|source| DataError::Io {
        action: "write",
        path: path.clone(),
        source,
    })?;
    let store = DatasetStore::new(folder.join("unused"), Catalogue::builtin()?);
    store.load(&path.to_string_lossy(), settings)
}

fn unsplit() -> SplitSettings {
    SplitSettings {
        validation_fraction: 0.0,
        test_fraction: 0.0,
        ..SplitSettings::default()
    }
}

#[test]
fn a_csv_of_pixels_is_cleaned_with_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "a,b,kind\n0,255,dark\n10,20,light\n0,255,dark\n1,x,dark\n1,2\n3,4,\n5,6,owl\n";
    fs::write(folder.path().join("own.csv"), rows).unwrap();
    let entry = "name = \"own\"\nlabels = [\"dark\", \"light\"]\n[reader]\ntype = \"csv_pixels\"\n\
        file = \"own.csv\"\nheight = 1\nwidth = 2\nsample_max = 255\nlabel_column = \"kind\"\n";
    let dataset = load(folder.path(), entry, &unsplit()).unwrap();
    assert_eq!(dataset.split(SplitName::Train).unwrap().len(), 2);
    assert_eq!(dataset.cleaning.examined, 7);
    let counts = dataset.cleaning.counts();
    assert_eq!(counts[&RemovalReason::Unreadable], 1);
    assert_eq!(counts[&RemovalReason::WrongShape], 1);
    assert_eq!(counts[&RemovalReason::DuplicateInSplit], 1);
    assert_eq!(counts[&RemovalReason::MissingLabel], 2);
    // Without cleaning, the first row that is no example is an error that names its line.
    let settings = SplitSettings {
        clean: false,
        ..unsplit()
    };
    let message = load(folder.path(), entry, &settings)
        .unwrap_err()
        .to_string();
    assert!(message.contains("own.csv:5"), "{message}");
}

#[test]
fn a_folder_with_bad_images_is_cleaned_and_split() {
    let folder = tempfile::tempdir().unwrap();
    let png = |value: u8, width: usize| {
        let pixels = Pixels::new(1, width, 1, vec![value; width]).unwrap();
        pixels.to_png().unwrap()
    };
    let write = |path: &str, bytes: &[u8]| {
        let path = folder.path().join("images").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for value in 0..10 {
        write(&format!("train/cat/{value}.png"), &png(value, 2));
        write(&format!("train/dog/{value}.png"), &png(100 + value, 2));
    }
    write("train/cat/truncated.png", &png(50, 2)[..30]);
    write("train/cat/wide.png", &png(51, 3));
    write("test/dog/one.png", &png(103, 2));
    let entry = "name = \"own\"\nimage_size = { height = 1, width = 2 }\n[reader]\n\
        type = \"image_folder\"\nfolder = \"images\"\n";
    let settings = SplitSettings {
        validation_fraction: 0.2,
        ..SplitSettings::default()
    };
    let dataset = load(folder.path(), entry, &settings).unwrap();
    assert_eq!(dataset.labels, ["cat", "dog"]);
    // The folder's own test split stays as it is, and the copy of its image leaves the training split.
    assert_eq!(dataset.split(SplitName::Test).unwrap().len(), 1);
    assert_eq!(dataset.split(SplitName::Validation).unwrap().len(), 4);
    assert_eq!(dataset.split(SplitName::Train).unwrap().len(), 15);
    let removed: Vec<(&str, RemovalReason)> = dataset
        .cleaning
        .removed
        .iter()
        .map(|removed| (removed.id.as_str(), removed.reason))
        .collect();
    assert_eq!(
        removed,
        [
            ("train/cat/truncated.png", RemovalReason::Unreadable),
            ("train/cat/wide.png", RemovalReason::WrongShape),
            ("train/dog/3.png", RemovalReason::DuplicateAcrossSplits),
        ]
    );
}

#[test]
fn rows_that_differ_in_an_ignored_column_alone_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("own.csv", "id,a,y\n1,5,p\n2,6,q\n3,6,q\n");
    write("judged.csv", "id,a,y\n4,5,p\n");
    let entry = "name = \"own\"\n[reader]\ntype = \"table\"\nfile = \"own.csv\"\n\
        test_file = \"judged.csv\"\ntarget = \"y\"\nkinds = { id = \"ignored\" }\n";
    let dataset = load(folder.path(), entry, &unsplit()).unwrap();
    assert_eq!(dataset.split(SplitName::Train).unwrap().len(), 3);
    assert_eq!(dataset.cleaning.rows_in_two_splits, 1);
    let settings = SplitSettings {
        repetitions: Some(Repetitions::Remove),
        ..unsplit()
    };
    let dataset = load(folder.path(), entry, &settings).unwrap();
    let removed: Vec<(&str, RemovalReason)> = dataset
        .cleaning
        .removed
        .iter()
        .map(|removed| (removed.id.as_str(), removed.reason))
        .collect();
    assert_eq!(
        removed,
        [
            ("own.csv:2", RemovalReason::DuplicateAcrossSplits),
            ("own.csv:4", RemovalReason::DuplicateInSplit),
        ]
    );
    assert_eq!(dataset.cleaning.rows_in_two_splits, 0);
}

#[test]
fn an_entry_named_as_a_builtin_one_reads_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let entry = include_str!("../../catalogue/digits.toml");
    assert!(matches!(
        load(folder.path(), entry, &unsplit()),
        Err(DataError::MissingFile { .. })
    ));
}

#[test]
fn a_missing_file_is_told_with_a_way_that_leads_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let entry = "name = \"own\"\nlabels = [\"dark\", \"light\"]\n[reader]\ntype = \"csv_pixels\"\n\
        file = \"nowhere.csv\"\nheight = 1\nwidth = 2\nsample_max = 255\nlabel_column = \"kind\"\n";
    let error = load(folder.path(), entry, &unsplit()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    let message = error.to_string();
    assert!(
        message.contains("nowhere.csv") && message.ends_with("beside its entry, which names them"),
        "{message}"
    );
    // Of the catalogue it can be fetched, and may be there later.
    let store = DatasetStore::new(folder.path().join("unused"), Catalogue::builtin().unwrap());
    let error = store.load("sms-spam", &unsplit()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
    let message = error.to_string();
    assert!(
        message.contains("`mofang datasets pull sms-spam` fetches it"),
        "{message}"
    );
}
