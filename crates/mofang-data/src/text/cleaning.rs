//! Steps of cleaning a text. Done twice, the second time changes nothing, but for markup: `&amp;lt;` stands
//! for `&lt;`.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, is_nfkc_quick};

/// The text in Unicode's normalization form KC (UAX #15): full-width letters, ligatures and the like
/// become the plain ones.
pub(crate) fn nfkc(text: &str) -> Cow<'_, str> {
    if is_nfkc_quick(text.chars()) == unicode_normalization::IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfkc().collect())
}

/// The text without characters that show nothing: controls other than tab and line ends, marks of
/// direction, zero-width spaces, soft hyphens and U+FFFD. The joiners U+200C and U+200D stay, which
/// emoji and Indic scripts are written with.
pub(crate) fn remove_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(is_invisible) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !is_invisible(*c)).collect())
}

fn is_invisible(character: char) -> bool {
    let is_control = character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{85}');
    is_control
        || matches!(
            character,
            '\u{ad}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{2064}'
                | '\u{2066}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffd}'
        )
}

/// The text with single spaces between words and none at its ends.
pub(crate) fn collapse_whitespace(text: &str) -> Cow<'_, str> {
    let words = || text.split_whitespace();
    let length = words().map(str::len).sum::<usize>() + words().count().saturating_sub(1);
    let is_plain = text.chars().all(|c| c == ' ' || !c.is_whitespace());
    // With the same length there is nothing but single spaces between words.
    if is_plain && length == text.len() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(words().collect::<Vec<_>>().join(" "))
}

/// The characters that HTML's most common entities stand for.
const ENTITIES: [(&str, char); 6] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
];

/// Longest name of an entity that is looked for.
const ENTITY_LENGTH_MAX: usize = 8;

/// The text without tags and comments of HTML or XML, with entities as the characters that they stand
/// for. A `<` that begins no tag stays, so that `a < b` is untouched.
pub(crate) fn strip_markup(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '&']) {
        return Cow::Borrowed(text);
    }
    // Behind them no end has to be looked for: a text of nothing but `<a` would be read to its end each time.
    let (tags_end, comments_end) = (text.rfind('>'), text.rfind("-->"));
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        let place = text.len() - from.len();
        let has_end = if from.starts_with("<!--") {
            comments_end.is_some_and(|end| end >= place + 4)
        } else {
            tags_end.is_some_and(|end| end > place)
        };
        if let Some((replacement, behind)) = has_end
            .then(|| tag(from))
            .flatten()
            .map(|behind| (' ', behind))
            .or_else(|| entity(from))
        {
            plain.push(replacement);
            rest = behind;
        } else {
            let mut characters = from.chars();
            plain.extend(characters.next());
            rest = characters.as_str();
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// What stands behind the tag or comment that `text` begins with.
fn tag(text: &str) -> Option<&str> {
    if let Some(comment) = text.strip_prefix("<!--") {
        return comment.split_once("-->").map(|(_, behind)| behind);
    }
    let inside = text.strip_prefix('<')?;
    let first = inside.strip_prefix('/').unwrap_or(inside).chars().next()?;
    if !first.is_ascii_alphabetic() && !matches!(first, '!' | '?') {
        return None;
    }
    let (_, behind) = inside.split_once('>')?;
    Some(behind)
}

/// The character of the entity that `text` begins with, and what stands behind it.
fn entity(text: &str) -> Option<(char, &str)> {
    let inside = text.strip_prefix('&')?;
    let mut beginning = inside.bytes().take(ENTITY_LENGTH_MAX + 1);
    let end = beginning.position(|byte| byte == b';')?;
    let (name, behind) = (inside.get(..end)?, inside.get(end + 1..)?);
    let character = if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
            None => number.parse().ok()?,
        };
        char::from_u32(code)?
    } else {
        ENTITIES.iter().find(|(known, _)| *known == name)?.1
    };
    Some((character, behind))
}

/// The form in which texts are compared: what only looks different is the same.
pub fn comparable(text: &str) -> String {
    let text = nfkc(text);
    let text = remove_controls(&text);
    collapse_whitespace(&text).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_look_alike_become_one() {
        assert_eq!(nfkc("Ｈｅｌｌｏ ﬁ ①"), "Hello fi 1");
        assert!(matches!(nfkc("plain 中文"), Cow::Borrowed(_)));
        assert_eq!(comparable(" Ａ\u{200b}b \n c\u{0}"), "ab c");
    }

    #[test]
    fn invisible_characters_go_and_joiners_stay() {
        assert_eq!(remove_controls("a\u{0}\u{7}\u{202e}b\tc"), "ab\tc");
        let family = "👩\u{200d}👩\u{200d}👧";
        assert_eq!(remove_controls(family), family);
        assert_eq!(remove_controls("می\u{200c}خواهم"), "می\u{200c}خواهم");
    }

    #[test]
    fn whitespace_is_single_spaces() {
        assert_eq!(collapse_whitespace("  a \u{3000}\r\n b  "), "a b");
        assert!(matches!(collapse_whitespace("a b"), Cow::Borrowed(_)));
        assert_eq!(collapse_whitespace(" \t"), "");
    }

    #[test]
    fn markup_is_taken_out_and_comparisons_stay() {
        for (text, plain) in [
            ("<p class=\"x\">one<br/>two</p>", " one two "),
            ("a < b && c > d", "a < b && c > d"),
            ("x<!-- <b> -->y", "x y"),
            ("R&amp;D &#20013;&#x6587; &nope; &", "R&D 中文 &nope; &"),
            ("broken <b", "broken <b"),
            ("<p>one<!-- two > <b", " one<!-- two > <b"),
            ("&quotation; &quot;", "&quotation; \""),
            ("&#xffffffffff;<3", "&#xffffffffff;<3"),
        ] {
            assert_eq!(strip_markup(text), plain, "{text}");
        }
    }
}
