//! What was said, as subtitles: `SubRip`, and `WebVTT` after <https://www.w3.org/TR/webvtt1/>.
//!
//! A cue is a sentence or a part of one, as much as is read at once: it ends with a sentence and at a pause, and
//! is not longer than two lines of 42 characters and seven seconds.

use std::fmt::Write as _;
use std::time::Duration;

use mofang_types::SpokenWord;

/// Most characters of a cue.
const CHARACTERS_MAX: usize = 84;

/// Longest cue.
const SECONDS_MAX: f32 = 7.0;

/// Longest pause within a cue.
const PAUSE_SECONDS_MAX: f32 = 1.0;

/// What ends a sentence.
const ENDS: [char; 7] = ['.', '!', '?', '…', '。', '！', '？'];

/// What is shown at once.
#[derive(Debug)]
struct Cue {
    start_seconds: f32,
    end_seconds: f32,
    text: String,
}

/// The words as `SubRip`.
pub(super) fn subrip(words: &[SpokenWord]) -> String {
    let mut out = String::new();
    for (index, cue) in cues(words).iter().enumerate() {
        let (start, end) = (time(cue.start_seconds, ','), time(cue.end_seconds, ','));
        let _ = write!(out, "{}\n{start} --> {end}\n{}\n\n", index + 1, cue.text);
    }
    out
}

/// The words as `WebVTT`.
pub(super) fn webvtt(words: &[SpokenWord]) -> String {
    let mut out = "WEBVTT\n\n".to_owned();
    for cue in cues(words) {
        let (start, end) = (time(cue.start_seconds, '.'), time(cue.end_seconds, '.'));
        // What would begin a tag or a reference to a character.
        let text = cue.text.replace('&', "&amp;");
        let text = text.replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(out, "{start} --> {end}\n{text}\n\n");
    }
    out
}

fn cues(words: &[SpokenWord]) -> Vec<Cue> {
    let mut cues: Vec<Cue> = Vec::new();
    for word in words {
        // An empty line would end the cue.
        let text = word.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let last = cues.last_mut();
        if let Some(cue) = last.filter(|cue| cue.takes(word, &text)) {
            cue.text.push(' ');
            cue.text.push_str(&text);
            cue.end_seconds = word.end_seconds;
        } else {
            cues.push(Cue {
                start_seconds: word.start_seconds,
                end_seconds: word.end_seconds,
                text,
            });
        }
    }
    cues
}

impl Cue {
    /// Whether a word with this text still belongs to it.
    fn takes(&self, word: &SpokenWord, text: &str) -> bool {
        !self.text.ends_with(ENDS)
            && word.start_seconds - self.end_seconds <= PAUSE_SECONDS_MAX
            && word.end_seconds - self.start_seconds <= SECONDS_MAX
            && self.text.chars().count() + 1 + text.chars().count() <= CHARACTERS_MAX
    }
}

/// A time as hours, minutes, seconds and, behind `point`, milliseconds.
fn time(seconds: f32, point: char) -> String {
    const HALF_A_MILLISECOND: Duration = Duration::from_micros(500);
    let time = Duration::try_from_secs_f32(seconds).unwrap_or_default();
    let time = time.saturating_add(HALF_A_MILLISECOND);
    let (seconds, milliseconds) = (time.as_secs(), time.subsec_millis());
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!(
        "{hours:02}:{minutes:02}:{:02}{point}{milliseconds:03}",
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[(&str, f32, f32)]) -> Vec<SpokenWord> {
        words
            .iter()
            .map(|(text, start_seconds, end_seconds)| SpokenWord {
                text: (*text).to_owned(),
                start_seconds: *start_seconds,
                end_seconds: *end_seconds,
            })
            .collect()
    }

    #[test]
    fn cues_end_with_sentences_and_at_pauses() {
        let said = words(&[
            ("is", 0.5, 0.75),
            ("3<4?", 0.75, 1.29),
            ("yes", 1.5, 1.75),
            ("&\n\nno", 62.5, 3_661.0),
        ]);
        assert_eq!(
            subrip(&said),
            "1\n00:00:00,500 --> 00:00:01,290\nis 3<4?\n\n\
             2\n00:00:01,500 --> 00:00:01,750\nyes\n\n\
             3\n00:01:02,500 --> 01:01:01,000\n& no\n\n"
        );
        assert_eq!(
            webvtt(&said),
            "WEBVTT\n\n\
             00:00:00.500 --> 00:00:01.290\nis 3&lt;4?\n\n\
             00:00:01.500 --> 00:00:01.750\nyes\n\n\
             00:01:02.500 --> 01:01:01.000\n&amp; no\n\n"
        );
        assert_eq!(
            (subrip(&[]).as_str(), webvtt(&[]).as_str()),
            ("", "WEBVTT\n\n")
        );
    }

    #[test]
    fn cues_are_not_longer_than_is_read_at_once() {
        let slow = [("a", 0.0, 1.0), ("b", 1.5, 4.0), ("c", 4.5, 8.0)];
        assert_eq!(cues(&words(&slow)).len(), 2);
        let quick = vec![("twelve chars", 0.0, 0.5); 13];
        let lengths: Vec<usize> = cues(&words(&quick))
            .iter()
            .map(|cue| cue.text.len())
            .collect();
        assert_eq!(lengths, [77, 77, 12]);
    }
}
