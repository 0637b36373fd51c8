//! One kept-alive HTTP/1.1 connection that sends the same request again and again.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest answer that is read.
const ANSWER_LENGTH_MAX: usize = 1 << 20;

/// A connection and what it has read.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("failed to connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(8192),
        })
    }

    /// Sends the request and reads the whole answer.
    ///
    /// # Errors
    /// When the answer is not a 200 of known length.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
            if let Some(length) = answer_length(&self.buffer)? {
                if self.buffer.len() > length {
                    bail!("the answer is longer than it says");
                }
                if self.buffer.len() == length {
                    return self.check();
                }
            }
            if self.buffer.len() > ANSWER_LENGTH_MAX {
                bail!("the answer is longer than {ANSWER_LENGTH_MAX} bytes");
            }
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.buffer.starts_with(b"HTTP/1.1 200 ") {
            return Ok(());
        }
        let answer = String::from_utf8_lossy(&self.buffer);
        bail!("the server answered {answer}")
    }
}

/// The length of head and body together, once the head is there.
fn answer_length(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())
        .context("the head of the answer is no text")?;
    let length: usize = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .with_context(|| format!("the answer has no length: {head}"))?
        .1
        .trim()
        .parse()?;
    Ok(Some(end + 4 + length))
}

#[cfg(test)]
mod tests {
    use super::answer_length;

    #[test]
    fn the_length_of_an_answer_is_head_and_body() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(answer_length(text).unwrap(), Some(text.len()));
        assert_eq!(answer_length(&text[..20]).unwrap(), None);
        assert!(answer_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
