//! Pulling over HTTP: from the beginning, from the middle, from servers that misbehave.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use mofang_data::{Catalogue, DataError, DatasetStore};

use mofang_types::testing::reference_data;

/// How the server answers.
#[derive(Clone, Copy)]
enum Manner {
    /// Ranges work.
    Ranges,
    /// Ranges are ignored.
    NoRanges,
    /// The connection breaks after half of the body.
    Breaks,
    /// There is nothing.
    NotFound,
    /// Another range than the one asked for is sent.
    WrongRange,
}

/// Serves `content` under every path; gives the address and the `Range` headers it was sent.
fn serve(content: Vec<u8>, manner: Manner) -> std::io::Result<(String, Arc<Mutex<Vec<String>>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ranges);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away is no matter of the test.
            drop(answer(stream, &content, manner, &seen));
        }
    });
    Ok((address, ranges))
}

fn answer(
    stream: TcpStream,
    content: &[u8],
    manner: Manner,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut range = String::new();
    for line in BufReader::new(&stream).lines() {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("range: ") {
            value.clone_into(&mut range);
        }
    }
    let offset = range
        .strip_prefix("bytes=")
        .and_then(|range| range.strip_suffix('-')?.parse::<usize>().ok());
    if let Ok(mut seen) = seen.lock() {
        seen.push(range.clone());
    }
    let (status, begins) = match (manner, offset) {
        (Manner::NotFound, _) => ("404 Not Found", content.len()),
        (Manner::Ranges, Some(offset)) => ("206 Partial Content", offset),
        (Manner::WrongRange, Some(_)) => ("206 Partial Content", 0),
        _ => ("200 OK", 0),
    };
    let body = content.get(begins..).unwrap_or_default();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {begins}-{}/{}\r\nConnection: close\r\n\r\n",
        body.len(),
        content.len() - 1,
        content.len()
    )?;
    let sent = if matches!(manner, Manner::Breaks) {
        body.len() / 2
    } else {
        body.len()
    };
    stream.write_all(body.get(..sent).unwrap_or_default())
}

fn pull(folder: &Path, mirror: &str) -> Result<(), DataError> {
    let catalogue = Catalogue::builtin()?;
    DatasetStore::new(folder.to_owned(), catalogue).pull(
        "clothing-small-96",
        Some(mirror),
        &mut |_| (),
    )
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let Some(path) = reference_data("vision/clothing-small-96/clothing-small-96.tar") else {
        return;
    };
    let content = fs::read(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder
        .path()
        .join("clothing-small-96/clothing-small-96.tar");
    let half = content.len() / 2;

    let (address, _) = serve(content.clone(), Manner::NotFound).unwrap();
    let message = pull(folder.path(), &address).unwrap_err().to_string();
    assert!(message.contains("404"), "{message}");

    let (address, _) = serve(content.clone(), Manner::Breaks).unwrap();
    assert!(matches!(
        pull(folder.path(), &address),
        Err(DataError::Download { .. })
    ));
    assert!(!target.exists());
    let partial = target.with_extension("tar.part");
    assert_eq!(fs::read(&partial).unwrap().len(), half);

    let (address, _) = serve(content.clone(), Manner::WrongRange).unwrap();
    let message = pull(folder.path(), &address).unwrap_err().to_string();
    assert!(message.contains("did not send"), "{message}");

    let (address, ranges) = serve(content.clone(), Manner::Ranges).unwrap();
    pull(folder.path(), &address).unwrap();
    assert_eq!(*ranges.lock().unwrap(), [format!("bytes={half}-")]);
    assert!(fs::read(&target).unwrap() == content);
    assert!(!partial.exists());

    // A server without ranges sends the whole file, which replaces the beginning.
    fs::remove_file(&target).unwrap();
    fs::write(&partial, &content[..1_000]).unwrap();
    let (address, _) = serve(content.clone(), Manner::NoRanges).unwrap();
    pull(folder.path(), &address).unwrap();
    assert!(fs::read(&target).unwrap() == content);
}

#[test]
fn a_file_that_is_not_the_catalogues_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = serve(vec![7; 13_045_760], Manner::Ranges).unwrap();
    let message = pull(folder.path(), &address).unwrap_err().to_string();
    assert!(message.contains("SHA-256"), "{message}");
    let (address, _) = serve(vec![7; 13_045_761], Manner::Ranges).unwrap();
    let message = pull(folder.path(), &address).unwrap_err().to_string();
    assert!(message.contains("larger than"), "{message}");
    assert!(
        !folder
            .path()
            .join("clothing-small-96/clothing-small-96.tar")
            .exists()
    );
}
