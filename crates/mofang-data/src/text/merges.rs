//! Byte pair encoding, learned: which neighbouring symbols become one, most frequent first.
//!
//! R. Sennrich, B. Haddow, A. Birch. Neural machine translation of rare words with subword units.
//! 2016, <https://doi.org/10.18653/v1/P16-1162>. Of pairs that are equally frequent the one whose
//! symbols came first is taken, so the result is a function of the words and their counts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

/// What was learned.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Merges {
    /// Every symbol: the alphabet, most frequent first, then what each merge makes.
    pub(super) symbols: Vec<String>,
    /// The pairs, in the order in which they are merged.
    pub(super) merges: Vec<(String, String)>,
}

/// How it is learned.
#[derive(Debug)]
pub(super) struct Settings<'a> {
    /// Most symbols.
    pub(super) symbols_max: usize,
    /// How often a symbol of the alphabet or a pair stands in the words at least.
    pub(super) frequency_min: u64,
    /// What stands before the characters of a word that are not its first; `##` for `WordPiece`.
    pub(super) prefix: &'a str,
    /// Symbols that are there whether or not a word has them.
    pub(super) alphabet: &'a [String],
}

type Pair = (usize, usize);

/// Words as symbols, with what is known of their pairs.
struct Words {
    words: Vec<(Vec<usize>, u64)>,
    counts: HashMap<Pair, u64>,
    /// The words that have a pair; some may have lost it.
    places: HashMap<Pair, BTreeSet<usize>>,
}

/// Learns from words with their counts.
pub(super) fn learn(words: &BTreeMap<String, u64>, settings: &Settings<'_>) -> Merges {
    let mut symbols = alphabet_of(words, settings);
    let mut known: HashMap<String, usize> = symbols
        .iter()
        .enumerate()
        .map(|(id, symbol)| (symbol.clone(), id))
        .collect();
    let mut words = Words::new(words, &known, settings.prefix);
    let mut queue: BinaryHeap<(u64, Reverse<Pair>)> = words
        .counts
        .iter()
        .map(|(pair, count)| (*count, Reverse(*pair)))
        .collect();
    let mut merges = Vec::new();
    while symbols.len() < settings.symbols_max {
        let Some((count, Reverse(pair))) = queue.pop() else {
            break;
        };
        let now = words.counts.get(&pair).copied().unwrap_or(0);
        if now != count {
            // It has become rarer since it was queued.
            if now > 0 {
                queue.push((now, Reverse(pair)));
            }
            continue;
        }
        if count < settings.frequency_min.max(1) {
            break;
        }
        let name = |id: usize| symbols.get(id).cloned().unwrap_or_default();
        let (left, right) = (name(pair.0), name(pair.1));
        let merged = format!(
            "{left}{}",
            right.strip_prefix(settings.prefix).unwrap_or(&right)
        );
        let id = *known.entry(merged.clone()).or_insert(symbols.len());
        if id == symbols.len() {
            symbols.push(merged);
        }
        merges.push((left, right));
        for changed in words.merge(pair, id) {
            if let Some(count) = words.counts.get(&changed) {
                queue.push((*count, Reverse(changed)));
            }
        }
    }
    Merges { symbols, merges }
}

/// The symbols of a word before anything is merged.
fn symbols_of(word: &str, prefix: &str) -> impl Iterator<Item = String> {
    word.chars().enumerate().map(move |(index, character)| {
        if index == 0 {
            character.to_string()
        } else {
            format!("{prefix}{character}")
        }
    })
}

/// The given alphabet, then the symbols of the words that are frequent enough, most frequent first.
fn alphabet_of(words: &BTreeMap<String, u64>, settings: &Settings<'_>) -> Vec<String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (word, count) in words {
        for symbol in symbols_of(word, settings.prefix) {
            *counts.entry(symbol).or_default() += count;
        }
    }
    let mut symbols = settings.alphabet.to_vec();
    let given: BTreeSet<&String> = settings.alphabet.iter().collect();
    let mut found: Vec<(String, u64)> = counts
        .into_iter()
        .filter(|(symbol, count)| *count >= settings.frequency_min && !given.contains(symbol))
        .collect();
    // Stable, so that equally frequent ones stay sorted by name.
    found.sort_by_key(|(_, count)| Reverse(*count));
    symbols.extend(found.into_iter().map(|(symbol, _)| symbol));
    symbols.truncate(settings.symbols_max);
    symbols
}

impl Words {
    fn new(words: &BTreeMap<String, u64>, known: &HashMap<String, usize>, prefix: &str) -> Self {
        let mut all = Self {
            words: Vec::new(),
            counts: HashMap::new(),
            places: HashMap::new(),
        };
        for (word, count) in words {
            let symbols = symbols_of(word, prefix).map(|symbol| known.get(&symbol).copied());
            // A word with a symbol that is not in the alphabet teaches nothing.
            let Some(symbols) = symbols.collect::<Option<Vec<_>>>() else {
                continue;
            };
            all.words.push((symbols, *count));
            all.count(all.words.len() - 1);
        }
        all
    }

    /// Adds the pairs of a word.
    fn count(&mut self, place: usize) {
        let Some((symbols, count)) = self.words.get(place) else {
            return;
        };
        for pair in symbols.windows(2) {
            if let [left, right] = *pair {
                *self.counts.entry((left, right)).or_default() += count;
                self.places.entry((left, right)).or_default().insert(place);
            }
        }
    }

    /// Makes a pair one symbol wherever it stands; gives the pairs that are new.
    fn merge(&mut self, pair: Pair, id: usize) -> BTreeSet<Pair> {
        let mut new = BTreeSet::new();
        for place in self.places.remove(&pair).unwrap_or_default() {
            let Some((symbols, count)) = self.words.get_mut(place) else {
                continue;
            };
            for old in symbols.windows(2) {
                if let [left, right] = *old
                    && let Some(sum) = self.counts.get_mut(&(left, right))
                {
                    *sum = sum.saturating_sub(*count);
                }
            }
            let mut merged = Vec::with_capacity(symbols.len());
            let mut rest = symbols.as_slice();
            while let [first, behind @ ..] = rest {
                match behind {
                    [second, after @ ..] if (*first, *second) == pair => {
                        merged.push(id);
                        rest = after;
                    }
                    _ => {
                        merged.push(*first);
                        rest = behind;
                    }
                }
            }
            for pair in merged.windows(2) {
                if let [left, right] = *pair
                    && (left == id || right == id)
                {
                    new.insert((left, right));
                }
            }
            *symbols = merged;
            self.count(place);
        }
        self.counts.remove(&pair);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> BTreeMap<String, u64> {
        // The example of the paper, without its mark of a word's end.
        [("low", 5), ("lower", 2), ("newest", 6), ("widest", 3)]
            .map(|(word, count)| (word.to_owned(), count))
            .into()
    }

    fn learned(symbols_max: usize, prefix: &str) -> Merges {
        let settings = Settings {
            symbols_max,
            frequency_min: 1,
            prefix,
            alphabet: &[],
        };
        learn(&words(), &settings)
    }

    #[test]
    fn the_most_frequent_pairs_are_merged_first() {
        let merges = learned(15, "");
        let pairs: Vec<String> = merges
            .merges
            .iter()
            .map(|(left, right)| format!("{left}+{right}"))
            .collect();
        // "es" and "st" both stand 9 times; "e" and "s" came before "t" in the alphabet.
        assert_eq!(pairs, ["e+s", "es+t", "l+o", "lo+w", "e+w"][..pairs.len()]);
        assert_eq!(merges.symbols.len(), 15);
        assert_eq!(merges.symbols[0], "e");
    }

    #[test]
    fn inner_symbols_have_their_prefix() {
        let merges = learned(40, "##");
        assert!(merges.symbols.contains(&"##est".to_owned()), "{merges:?}");
        assert!(merges.symbols.contains(&"low".to_owned()), "{merges:?}");
        assert!(merges.symbols.contains(&"newest".to_owned()), "{merges:?}");
    }

    #[test]
    fn rare_symbols_and_pairs_are_left_out() {
        let settings = Settings {
            symbols_max: 100,
            frequency_min: 5,
            prefix: "",
            alphabet: &["x".to_owned()],
        };
        let merges = learn(&words(), &settings);
        assert_eq!(merges.symbols[0], "x");
        assert!(!merges.symbols.contains(&"r".to_owned()));
        assert!(merges.symbols.contains(&"newest".to_owned()));
        assert!(!merges.symbols.contains(&"widest".to_owned()));
        assert_eq!(merges, learn(&words(), &settings));
    }

    #[test]
    fn a_symbol_that_stands_twice_in_a_row_is_merged_from_the_left() {
        let words = BTreeMap::from([("aaaa".to_owned(), 1), ("aaa".to_owned(), 1)]);
        let settings = Settings {
            symbols_max: 2,
            frequency_min: 1,
            prefix: "",
            alphabet: &[],
        };
        assert_eq!(learn(&words, &settings).symbols, ["a", "aa"]);
    }
}
