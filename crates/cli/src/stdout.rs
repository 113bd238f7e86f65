//! Standard output, which may be closed by its reader at any time (`chainrule predict … | head`).

use serde::Serialize;
use std::io::{self, BufWriter, ErrorKind, Write};

/// Standard output in large pieces; to be flushed at the end.
pub(crate) fn buffered() -> BufWriter<io::StdoutLock<'static>> {
    BufWriter::new(io::stdout().lock())
}

/// Prints a value as indented JSON.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = buffered();
    writeln!(out, "{}", serde_json::to_string_pretty(value)?)?;
    Ok(out.flush()?)
}

/// Names, or the first of very many, in a line.
pub(crate) fn some_of(names: &[String]) -> String {
    const MOST: usize = 40;
    match names.len().checked_sub(MOST) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..MOST].join(", ")),
    }
}

/// Whether an error is that the reader of standard output has gone.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().is_some_and(is_broken_pipe);
        let csv = cause.downcast_ref::<csv::Error>().map(csv::Error::kind);
        io || matches!(csv, Some(csv::ErrorKind::Io(error)) if is_broken_pipe(error))
    })
}

/// The result of writing a line of news: that nobody reads it is no reason to stop.
pub(crate) fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        other => other,
    }
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}
