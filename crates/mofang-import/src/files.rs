//! The files that a model consists of: the weights alone, or a folder as `save_pretrained` of transformers and
//! sentence-transformers writes it.

use crate::ImportError;

/// The configuration of a model of transformers.
pub(crate) const CONFIG_FILE: &str = "config.json";

/// The tokenizer, in the form of the library tokenizers.
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";

/// How texts go on, for a language model of transformers.
pub(crate) const GENERATION_FILE: &str = "generation_config.json";

/// The steps of a model of sentence-transformers.
pub(crate) const MODULES_FILE: &str = "modules.json";

/// How long texts may be for sentence-transformers.
pub(crate) const LENGTH_FILE: &str = "sentence_bert_config.json";

/// How images are prepared for a model of transformers.
pub(crate) const IMAGES_FILE: &str = "preprocessor_config.json";

/// The ends of names of files with weights, the best first: a folder often has the same weights twice.
const WEIGHTS_EXTENSIONS: [&str; 5] = ["safetensors", "pth", "pt", "th", "bin"];

/// What a trainer leaves beside the weights under such a name.
const OTHER_FILES: [&str; 5] = [
    "optimizer.pt",
    "rng_state.pth",
    "scaler.pt",
    "scheduler.pt",
    "training_args.bin",
];

/// A file of a model.
#[derive(Debug, Clone, Copy)]
pub struct ImportFile<'a> {
    /// Its path within the folder, `/` between parts; of a single file its name.
    pub name: &'a str,
    /// What is in it.
    pub bytes: &'a [u8],
}

/// Of the files of a folder those that an import reads, by their paths within it.
pub fn files_to_import<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut found: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| is_description(name))
        .collect();
    // Weights below the folder are another model's.
    let weights = names
        .iter()
        .copied()
        .filter(|name| !name.contains('/') && !OTHER_FILES.contains(name));
    let rank = |name: &str| {
        let extension = name.rsplit('.').next().unwrap_or_default();
        WEIGHTS_EXTENSIONS
            .iter()
            .position(|known| *known == extension)
    };
    let best = weights.clone().filter_map(rank).min();
    if let Some(best) = best {
        found.extend(weights.filter(|name| rank(name) == Some(best)));
    }
    found
}

/// Whether a file of this path says something about the weights.
fn is_description(name: &str) -> bool {
    let is_step = name.strip_suffix("/config.json").is_some_and(is_step);
    is_step
        || [
            CONFIG_FILE,
            GENERATION_FILE,
            IMAGES_FILE,
            LENGTH_FILE,
            MODULES_FILE,
            TOKENIZER_FILE,
        ]
        .contains(&name)
}

/// Whether a folder is of a step of sentence-transformers: `1_Pooling`.
pub fn is_step(folder: &str) -> bool {
    folder.split_once('_').is_some_and(|(number, name)| {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// The files of a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Files<'a> {
    all: &'a [ImportFile<'a>],
}

impl<'a> Files<'a> {
    pub(crate) fn new(all: &'a [ImportFile<'a>]) -> Self {
        Self { all }
    }

    /// The file of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&'a [u8]> {
        let mut all = self.all.iter();
        all.find(|file| file.name == name).map(|file| file.bytes)
    }

    /// The one file with the weights.
    pub(crate) fn weights(&self) -> Result<&'a ImportFile<'a>, ImportError> {
        if let [only] = self.all {
            return Ok(only);
        }
        let names: Vec<&str> = self.all.iter().map(|file| file.name).collect();
        let weights = self.all.iter();
        let mut weights = weights.filter(|file| {
            files_to_import(&names).contains(&file.name) && !is_description(file.name)
        });
        match (weights.next(), weights.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(ImportError::Files(
                "none of them has weights; give model.safetensors or pytorch_model.bin too"
                    .to_owned(),
            )),
            (Some(first), Some(second)) => Err(ImportError::Files(format!(
                "\"{}\" and \"{}\" both have weights; weights in several parts are not read: save \
                 them as one file (save_pretrained with a larger max_shard_size)",
                first.name, second.name
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_folder_the_descriptions_and_the_best_weights_are_read() {
        let names = [
            "README.md",
            "config.json",
            "generation_config.json",
            "pytorch_model.bin",
            "model.safetensors",
            "tokenizer.json",
            "vocab.txt",
            "1_Pooling/config.json",
            "onnx/config.json",
            "onnx/model.safetensors",
        ];
        assert_eq!(
            files_to_import(&names),
            [
                "config.json",
                "generation_config.json",
                "tokenizer.json",
                "1_Pooling/config.json",
                "model.safetensors"
            ]
        );
        assert!(is_step("2_Normalize"));
        for folder in ["Pooling", "1_", "_Pooling", "a_b", "1_../x"] {
            assert!(!is_step(folder), "{folder}");
        }
    }

    #[test]
    fn what_a_trainer_leaves_is_no_weights() {
        let names = ["pytorch_model.bin", "optimizer.pt", "training_args.bin"];
        assert_eq!(files_to_import(&names), ["pytorch_model.bin"]);
    }

    #[test]
    fn there_is_one_file_with_weights() {
        let file = |name| ImportFile { name, bytes: b"" };
        let pair = [file("config.json"), file("model.safetensors")];
        assert_eq!(Files::new(&pair).weights().unwrap().name, pair[1].name);
        let parts = [file("a.safetensors"), file("b.safetensors")];
        let error = Files::new(&parts).weights().unwrap_err().to_string();
        assert!(error.contains("several parts"), "{error}");
        let none = [file("config.json"), file("tokenizer.json")];
        let error = Files::new(&none).weights().unwrap_err().to_string();
        assert!(error.contains("model.safetensors"), "{error}");
    }
}
