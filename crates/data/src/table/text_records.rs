use super::options::is_delimiter;
use super::records::Record;
use super::{Delimiter, TableProblem, Unit};
use crate::Error;
use crate::file::read_error;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr, memchr_iter, memchr2};
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// Most bytes of a field, of a row, and most fields of a row. They bound what an open quote, or a file that is no table,
/// makes the reader keep.
const MOST_FIELD: usize = 1 << 20;
const MOST_ROW: usize = 1 << 26;
const MOST_COLUMNS: usize = 1 << 20;

/// Lines that show which delimiter a file has.
const SNIFFED_LINES: usize = 10;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The rows of a text file, one at a time, as RFC 4180 cuts them in fields: with quotes, doubled quotes, and line breaks within
/// quotes. Lines end in any of `\n`, `\r\n` and `\r`; blank ones are skipped.
pub(super) struct TextRecords {
    path: PathBuf,
    input: Box<dyn BufRead>,
    parser: Reader,
    delimiter: u8,
    lines: Lines,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl TextRecords {
    pub(super) fn new(path: &Path, mut input: Box<dyn BufRead>, delimiter: Delimiter) -> Result<Self, Error> {
        let start = input.fill_buf().map_err(|source| read_error(path, source))?;
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(Error::Table { path: path.into(), problem: TableProblem::Utf16 });
        }
        let marked = start.starts_with(BOM);
        let delimiter = match delimiter {
            Delimiter::Byte(byte) => checked(byte, path)?,
            Delimiter::ByExtension => by_extension(path),
            Delimiter::Sniffed => sniff(start).unwrap_or_else(|| by_extension(path)),
        };
        input.consume(if marked { BOM.len() } else { 0 });
        Ok(TextRecords {
            path: path.into(),
            input,
            parser: ReaderBuilder::new().delimiter(delimiter).build(),
            delimiter,
            lines: Lines::from(1),
            text: vec![0; 1 << 10],
            ends: vec![0; 1 << 4],
        })
    }

    /// The next row, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        loop {
            let line = self.skip_line_ends()?;
            let cut = self.cut_line()?;
            let (length, fields) = match cut {
                Some(lengths) => lengths,
                None => match self.parse(line)? {
                    Some(lengths) => lengths,
                    None => return Ok(None),
                },
            };
            // A line of spaces is blank; an empty field in quotes is a field.
            let blank = fields == 1 && length > 0 && self.text[..length].trim_ascii().is_empty();
            if !blank {
                let (text, ends) = (&self.text[..length], &self.ends[..fields]);
                return Ok(Some(match cut {
                    Some(_) => Record::of_line(line, text, ends),
                    None => Record::new(Unit::Line, line, text, ends),
                }));
            }
        }
    }

    /// A shortcut for most rows of most files: a line that is in the buffer as a whole and holds no quote is cut at its
    /// delimiters. Gives the lengths of its text and of its fields.
    fn cut_line(&mut self) -> Result<Option<(usize, usize)>, Error> {
        let input = self.input.fill_buf().map_err(|source| read_error(&self.path, source))?;
        let Some(end) = memchr(b'\n', input) else { return Ok(None) };
        let line = &input[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if memchr2(b'"', b'\r', line).is_some() {
            return Ok(None);
        }
        if self.text.len() < line.len() {
            self.text.resize(line.len(), 0);
        }
        self.text[..line.len()].copy_from_slice(line);
        let mut fields = 0;
        for place in memchr_iter(self.delimiter, line).chain([line.len()]) {
            if fields == self.ends.len() {
                self.ends.resize(2 * fields, 0);
            }
            self.ends[fields] = place;
            fields += 1;
        }
        let length = line.len();
        self.lines.line += 1;
        self.lines.after_return = false;
        self.input.consume(end + 1);
        Ok(Some((length, fields)))
    }

    /// The next row's lengths of text and of fields. It begins in `line`.
    fn parse(&mut self, line: u64) -> Result<Option<(usize, usize)>, Error> {
        let (mut length, mut fields) = (0, 0);
        // At the end of the file comes a line feed, then nothing. A row that does not end with the line feed has an open
        // quote.
        let mut end: Option<&[u8]> = None;
        loop {
            let input = match end {
                Some(rest) => rest,
                None => self.input.fill_buf().map_err(|source| read_error(&self.path, source))?,
            };
            if input.is_empty() && end.is_none() {
                end = Some(b"\n");
                continue;
            }
            let (result, taken, written, ended) =
                self.parser.read_record(input, &mut self.text[length..], &mut self.ends[fields..]);
            match &mut end {
                Some(rest) => *rest = &rest[taken..],
                None => {
                    self.lines.count(&input[..taken]);
                    self.input.consume(taken);
                }
            }
            (length, fields) = (length + written, fields + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.grow_text(line, length, fields)?,
                ReadRecordResult::OutputEndsFull => self.grow_ends(line)?,
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::Record if end.is_some_and(|rest| rest.is_empty() && taken == 0) => {
                    let record = Record::new(Unit::Line, line, &self.text[..length], &self.ends[..fields]);
                    let column = fields - 1;
                    let line = record.line_of(column);
                    return Err(self.error(TableProblem::OpenQuote { line, column: column + 1 }));
                }
                ReadRecordResult::Record => return Ok(Some((length, fields))),
            }
        }
    }

    fn grow_text(&mut self, line: u64, length: usize, fields: usize) -> Result<(), Error> {
        let start = if fields == 0 { 0 } else { self.ends[fields - 1] };
        if length - start > MOST_FIELD {
            let mut lines = Lines::from(line);
            lines.count(&self.text[..start]);
            let (line, column) = (lines.line, fields + 1);
            return Err(self.error(TableProblem::LongField { line, column, most: MOST_FIELD }));
        }
        if self.text.len() >= MOST_ROW {
            return Err(self.error(TableProblem::LongRow { line, most: MOST_ROW }));
        }
        self.text.resize(2 * self.text.len(), 0);
        Ok(())
    }

    fn grow_ends(&mut self, line: u64) -> Result<(), Error> {
        if self.ends.len() >= MOST_COLUMNS {
            return Err(self.error(TableProblem::ManyColumns { line, most: MOST_COLUMNS }));
        }
        self.ends.resize(2 * self.ends.len(), 0);
        Ok(())
    }

    /// Consumes the ends of blank lines, and gives the line that follows.
    fn skip_line_ends(&mut self) -> Result<u64, Error> {
        loop {
            let input = self.input.fill_buf().map_err(|source| read_error(&self.path, source))?;
            let ends = input.iter().take_while(|&&byte| byte == b'\n' || byte == b'\r').count();
            if ends == 0 {
                return Ok(self.lines.line);
            }
            self.lines.count(&input[..ends]);
            self.input.consume(ends);
        }
    }

    fn error(&self, problem: TableProblem) -> Error {
        Error::Table { path: self.path.clone(), problem }
    }
}

/// Counts lines that end in any of `\n`, `\r\n` and `\r`.
pub(super) struct Lines {
    /// The line that comes next, from 1.
    pub(super) line: u64,
    /// Whether the last byte was `\r`, of which a following `\n` is a part.
    after_return: bool,
}

impl Lines {
    pub(super) fn from(line: u64) -> Self {
        Lines { line, after_return: false }
    }

    pub(super) fn count(&mut self, bytes: &[u8]) {
        let Some(&last) = bytes.last() else { return };
        let count = |wanted| bytes.iter().filter(|&&byte| byte == wanted).count();
        let returns = count(b'\r');
        let pairs = if returns == 0 { 0 } else { bytes.windows(2).filter(|pair| pair == b"\r\n").count() };
        let first_pair = usize::from(self.after_return && bytes[0] == b'\n');
        self.line += (count(b'\n') + returns - pairs - first_pair) as u64;
        self.after_return = last == b'\r';
    }
}

fn by_extension(path: &Path) -> u8 {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    if name.ends_with(".tsv") || name.ends_with(".tab") { b'\t' } else { b',' }
}

fn checked(byte: u8, path: &Path) -> Result<u8, Error> {
    if is_delimiter(byte) {
        return Ok(byte);
    }
    Err(Error::Table { path: path.into(), problem: TableProblem::Delimiter { found: byte.into() } })
}

/// The delimiter that cuts the lines in `start`, the beginning of a file, in the most fields, as many in each.
fn sniff(start: &[u8]) -> Option<u8> {
    let cuts = b"|\t;,".iter().filter_map(|&delimiter| {
        let fields = fields_of_each_line(start, delimiter)?;
        (fields > 1).then_some((fields, delimiter))
    });
    // Of equals it is the last.
    cuts.max_by_key(|&(fields, _)| fields).map(|(_, delimiter)| delimiter)
}

/// How many fields each of the first lines has, if all have as many.
fn fields_of_each_line(mut start: &[u8], delimiter: u8) -> Option<usize> {
    let mut parser = ReaderBuilder::new().delimiter(delimiter).build();
    let (mut text, mut ends) = (vec![0; start.len()], vec![0; start.len() + 1]);
    let mut common = None;
    for _ in 0..SNIFFED_LINES {
        let (result, taken, _, fields) = parser.read_record(start, &mut text, &mut ends);
        // The last line may be cut off by the end of the buffer, and is then left out.
        if !matches!(result, ReadRecordResult::Record) {
            break;
        }
        start = &start[taken..];
        if *common.get_or_insert(fields) != fields {
            return None;
        }
    }
    common
}
