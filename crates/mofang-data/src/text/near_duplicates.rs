//! Finds texts that are nearly the same: `MinHash` with locality-sensitive hashing over n-grams of
//! characters, so no language has to be known.
//!
//! A. Broder. On the resemblance and containment of documents. 1997,
//! <https://doi.org/10.1109/SEQUEN.1997.666900>. What shares a band is compared by the sets of
//! n-grams themselves: the hashes decide only what is compared.

use std::collections::{HashMap, HashSet};

use super::comparable;

/// Characters of an n-gram.
const NGRAM_CHARACTERS: usize = 5;

/// Hashes of a band.
const BAND_HASHES: usize = 4;

/// Bands. A pair of similarity s shares one with the probability 1 − (1 − s⁴)¹⁶: over 0.9999 at 0.8.
const BANDS: usize = 16;

/// Most texts of one band that a new one is compared with, so that a dataset of one phrase over and
/// over costs no more than it is worth.
const COMPARED_MAX: usize = 256;

/// Texts that were seen, to be asked whether a new one is nearly one of them.
#[derive(Debug)]
pub(crate) struct NearDuplicates {
    similarity_min: f64,
    /// The n-grams of each text, as sorted hashes.
    texts: Vec<Vec<u64>>,
    /// Texts by band and its hash.
    bands: HashMap<(usize, u64), Vec<usize>>,
}

/// A text, ready to be compared or added.
#[derive(Debug)]
pub(crate) struct Signature {
    ngrams: Vec<u64>,
    bands: [u64; BANDS],
}

impl NearDuplicates {
    /// Nothing yet; from `similarity_min` (Jaccard index of the sets of n-grams, 0 to 1) on, texts are
    /// nearly the same.
    pub(crate) fn new(similarity_min: f64) -> Self {
        Self {
            similarity_min,
            texts: Vec::new(),
            bands: HashMap::new(),
        }
    }

    /// What a text is compared by.
    pub(crate) fn signature(text: &str) -> Signature {
        let ngrams = ngrams_of(&comparable(text));
        let mut bands = [0_u64; BANDS];
        for (band, value) in bands.iter_mut().enumerate() {
            for row in 0..BAND_HASHES {
                let salt = mix((band * BAND_HASHES + row) as u64 + 1);
                let least = ngrams.iter().map(|ngram| mix(ngram ^ salt)).min();
                *value = mix(value.wrapping_add(least.unwrap_or(0)));
            }
        }
        Signature { ngrams, bands }
    }

    /// The number of the first text that is nearly this one, with how similar they are.
    pub(crate) fn find(&self, signature: &Signature) -> Option<(usize, f64)> {
        let mut compared = HashSet::new();
        let mut best: Option<(usize, f64)> = None;
        for (band, hash) in signature.bands.iter().enumerate() {
            let found = self
                .bands
                .get(&(band, *hash))
                .map_or(&[][..], Vec::as_slice);
            for number in found.iter().take(COMPARED_MAX) {
                if !compared.insert(*number) {
                    continue;
                }
                let Some(other) = self.texts.get(*number) else {
                    continue;
                };
                let similarity = jaccard(&signature.ngrams, other);
                let is_earlier = best.is_none_or(|(earliest, _)| *number < earliest);
                if similarity >= self.similarity_min && is_earlier {
                    best = Some((*number, similarity));
                }
            }
        }
        best
    }

    /// Adds a text; its number is how many were added before.
    pub(crate) fn add(&mut self, signature: Signature) {
        let number = self.texts.len();
        for (band, hash) in signature.bands.iter().enumerate() {
            self.bands.entry((band, *hash)).or_default().push(number);
        }
        self.texts.push(signature.ngrams);
    }
}

/// The n-grams of a text as sorted hashes, each once; a shorter text is its own only one.
fn ngrams_of(text: &str) -> Vec<u64> {
    let characters: Vec<char> = text.chars().collect();
    let mut ngrams: Vec<u64> = if characters.len() < NGRAM_CHARACTERS {
        vec![hash(&characters)]
    } else {
        characters.windows(NGRAM_CHARACTERS).map(hash).collect()
    };
    ngrams.sort_unstable();
    ngrams.dedup();
    ngrams
}

fn hash(characters: &[char]) -> u64 {
    characters.iter().fold(0x9e37_79b9_7f4a_7c15, |hash, c| {
        mix(hash ^ u64::from(u32::from(*c)))
    })
}

/// `SplitMix64`'s finalizer, a bijection that scatters: <https://doi.org/10.1145/2714064.2660195>.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// |a ∩ b| / |a ∪ b| of sorted sets.
fn jaccard(a: &[u64], b: &[u64]) -> f64 {
    let (mut first, mut second) = (a.iter().peekable(), b.iter().peekable());
    let mut common = 0_usize;
    while let (Some(x), Some(y)) = (first.peek(), second.peek()) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => drop(first.next()),
            std::cmp::Ordering::Greater => drop(second.next()),
            std::cmp::Ordering::Equal => {
                common += 1;
                first.next();
                second.next();
            }
        }
    }
    let all = a.len() + b.len() - common;
    common as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(texts: &[&str], text: &str, similarity_min: f64) -> Option<usize> {
        let mut seen = NearDuplicates::new(similarity_min);
        for text in texts {
            seen.add(NearDuplicates::signature(text));
        }
        seen.find(&NearDuplicates::signature(text))
            .map(|(number, _)| number)
    }

    #[test]
    fn nearly_the_same_is_found_in_any_script_and_other_texts_are_not() {
        let english = "Congratulations, you have won a week in Paris. Call 0906 661 2999 before the end of May to claim it now";
        let chinese = "土耳其三面环海：西面是爱琴海，北面是黑海，南面则是地中海，东面与几个国家接壤，首都是安卡拉";
        let texts = [english, chinese];
        assert_eq!(found(&texts, &english.replace("May", "June"), 0.8), Some(0));
        assert_eq!(
            found(&texts, &chinese.replace("首都是", "首都为"), 0.7),
            Some(1)
        );
        assert_eq!(found(&texts, &english.to_uppercase(), 1.0), Some(0));
        assert_eq!(found(&texts, "Where are you? I am at home.", 0.5), None);
        assert_eq!(found(&texts, &english.replace("May", "June"), 0.99), None);
    }

    #[test]
    fn short_texts_are_the_same_or_not() {
        assert_eq!(found(&["ok", "no"], "OK ", 0.9), Some(0));
        assert_eq!(found(&["ok", "no"], "oh", 0.9), None);
        assert_eq!(found(&["a", "a", "a"], "a", 0.9), Some(0));
    }

    #[test]
    fn the_similarity_is_that_of_the_sets() {
        assert!((jaccard(&[1, 2, 3], &[2, 3, 4]) - 0.5).abs() < 1e-12);
        assert!(jaccard(&[], &[]).abs() < 1e-12);
    }
}
