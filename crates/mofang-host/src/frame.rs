//! Messages on the socket: a length of four bytes, then JSON.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mofang_types::Clock;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest message: names and shapes of some thousand tensors.
const FRAME_BYTES_MAX: u32 = 4 << 20;

/// Sends a message.
pub(crate) fn send(socket: &mut UnixStream, message: &impl Serialize) -> Result<()> {
    let json = serde_json::to_vec(message).map_err(Error::other)?;
    let length = u32::try_from(json.len())
        .ok()
        .filter(|length| *length <= FRAME_BYTES_MAX)
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the message is too long"))?;
    let mut frame = Vec::with_capacity(json.len() + 4);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&json);
    socket.write_all(&frame)
}

/// Waits for a message; `None` when the other side has closed.
pub(crate) fn receive<T: DeserializeOwned>(socket: &mut UnixStream) -> Result<Option<T>> {
    receive_with(socket, &mut |socket, bytes| socket.read(bytes))
}

/// Waits for a message until `deadline` on the clock; an error of kind `TimedOut` then.
pub(crate) fn receive_until<T: DeserializeOwned>(
    socket: &mut UnixStream,
    clock: &dyn Clock,
    deadline: Duration,
) -> Result<Option<T>> {
    receive_with(socket, &mut |socket, bytes| {
        let rest = deadline
            .checked_sub(clock.monotonic())
            .filter(|rest| !rest.is_zero())
            .ok_or(ErrorKind::TimedOut)?;
        socket.set_read_timeout(Some(rest))?;
        socket.read(bytes).map_err(|error| {
            // What the system calls a timeout of a socket.
            if error.kind() == ErrorKind::WouldBlock {
                ErrorKind::TimedOut.into()
            } else {
                error
            }
        })
    })
}

fn receive_with<T: DeserializeOwned>(
    socket: &mut UnixStream,
    read: &mut dyn FnMut(&mut UnixStream, &mut [u8]) -> Result<usize>,
) -> Result<Option<T>> {
    let mut length = [0; 4];
    if !fill(socket, &mut length, read)? {
        return Ok(None);
    }
    let length = u32::from_le_bytes(length);
    if length > FRAME_BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidData, "a message is too long"));
    }
    let mut json = vec![0; usize::try_from(length).map_err(Error::other)?];
    if !fill(socket, &mut json, read)? {
        return Ok(None);
    }
    serde_json::from_slice(&json)
        .map(Some)
        .map_err(Error::other)
}

/// Fills the buffer; `false` when the other side closes first.
fn fill(
    socket: &mut UnixStream,
    buffer: &mut [u8],
    read: &mut dyn FnMut(&mut UnixStream, &mut [u8]) -> Result<usize>,
) -> Result<bool> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read(socket, rest) {
            Ok(0) => return Ok(false),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A process that dies with bytes unread resets the connection.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
