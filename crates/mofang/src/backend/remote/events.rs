//! Server-sent events, as they come in: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
//!
//! What a reader gives may end within a line or a character; an event is told when the empty line behind it is
//! there, without waiting for anything more.

use std::io::{self, BufReader, Bytes, Read};

/// An event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Its kind; empty where it has none.
    pub(super) name: String,
    /// Its data, with ends of lines between several.
    pub(super) data: String,
}

/// Reads events.
pub(super) struct Events<R> {
    bytes: Bytes<BufReader<R>>,
    /// Whether the last byte was a carriage return, which ends a line with or without a line feed behind it.
    is_behind_return: bool,
    is_first_line: bool,
}

impl<R: Read> Events<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            bytes: BufReader::new(reader).bytes(),
            is_behind_return: false,
            is_first_line: true,
        }
    }

    /// The next event; none at the end. What is not whole then is no event.
    pub(super) fn next_event(&mut self) -> io::Result<Option<Event>> {
        let mut name = String::new();
        let mut data: Option<String> = None;
        while let Some(line) = self.next_line()? {
            if line.is_empty() {
                if let Some(data) = data.take() {
                    return Ok(Some(Event { name, data }));
                }
                name.clear();
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line.as_str(), ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match (field, &mut data) {
                ("event", _) => value.clone_into(&mut name),
                ("data", Some(lines)) => {
                    lines.push('\n');
                    lines.push_str(value);
                }
                ("data", none) => *none = Some(value.to_owned()),
                // A comment, which has no name, or a field that is for connections that are made again.
                _ => {}
            }
        }
        Ok(None)
    }

    /// The next whole line, without its end.
    fn next_line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        while let Some(byte) = self.bytes.next().transpose()? {
            let is_return = byte == b'\r';
            let is_behind_return = std::mem::replace(&mut self.is_behind_return, is_return);
            match byte {
                b'\n' if is_behind_return => {}
                b'\n' | b'\r' => {
                    let line = String::from_utf8_lossy(&line);
                    let is_first = std::mem::take(&mut self.is_first_line);
                    let marked = line.strip_prefix('\u{feff}').filter(|_| is_first);
                    return Ok(Some(marked.unwrap_or(&line).to_owned()));
                }
                _ => line.push(byte),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives no more than so many bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(length);
            buffer[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }

    fn events(text: &str, bytes_at_once: usize) -> Vec<(String, String)> {
        let mut events = Events::new(Slow(text.as_bytes(), bytes_at_once));
        let mut found = Vec::new();
        while let Some(Event { name, data }) = events.next_event().unwrap() {
            found.push((name, data));
        }
        found
    }

    #[test]
    fn events_are_the_same_however_they_come_in() {
        let text = "\u{feff}data: {\"text\": \"né 天\"}\n\n: a comment\r\n\r\n\
                    event: error\ndata: one\ndata:  two\r\rid: 7\nretry: 3\ndata\n\n\
                    event: without data\n\nevent: piece\r\ndata:x:y\r\n\r\ndata: not whole\n";
        let expected = [
            ("", "{\"text\": \"né 天\"}"),
            ("error", "one\n two"),
            ("", ""),
            ("piece", "x:y"),
        ];
        let expected = expected.map(|(name, data)| (name.to_owned(), data.to_owned()));
        for bytes_at_once in [1, 2, 3, 7, 1000] {
            assert_eq!(events(text, bytes_at_once), expected, "{bytes_at_once}");
        }
        assert!(events("", 1).is_empty());
        // What is no UTF-8 is replaced, as everywhere in this format.
        let broken: &[u8] = b"data: \xff\n\n";
        let event = Events::new(broken).next_event().unwrap().unwrap();
        assert_eq!(event.data, "\u{fffd}");
    }

    #[test]
    fn an_event_is_told_before_anything_more_comes() {
        /// Fails when it is asked for more than there is.
        struct NoMore<'a>(&'a [u8]);
        impl Read for NoMore<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.0.is_empty() {
                    return Err(io::Error::other("nothing more has come"));
                }
                self.0.read(buffer)
            }
        }
        let mut events = Events::new(NoMore(b"data: a\r\n\r\ndata: b\r\r"));
        assert_eq!(events.next_event().unwrap().unwrap().data, "a");
        assert_eq!(events.next_event().unwrap().unwrap().data, "b");
        assert!(events.next_event().is_err());
    }
}
